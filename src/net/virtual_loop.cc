#include "net/virtual_loop.h"

#include <boost/asio/execution.hpp>

namespace aurora_global::net {
namespace {

// What an any_io_executor of such a loop holds.
class VirtualExecutor {
 public:
  explicit VirtualExecutor(VirtualLoop& loop) : loop_(&loop) {}
  VirtualLoop& loop() const { return *loop_; }

  template <typename F>
  void execute(F&& function) const {
    loop_->post(Job(std::forward<F>(function)));
  }
  boost::asio::execution_context& query(boost::asio::execution::context_t) const { return *loop_; }
  static constexpr boost::asio::execution::blocking_t query(boost::asio::execution::blocking_t) {
    return boost::asio::execution::blocking.never;
  }
  VirtualExecutor require(boost::asio::execution::blocking_t::never_t) const { return *this; }
  friend bool operator==(const VirtualExecutor&, const VirtualExecutor&) noexcept = default;

 private:
  VirtualLoop* loop_;
};

}  // namespace

VirtualLoop* virtual_loop_of(const boost::asio::any_io_executor& executor) {
  const auto* found = executor.target<VirtualExecutor>();
  return found == nullptr ? nullptr : &found->loop();
}

boost::asio::any_io_executor VirtualLoop::executor() { return VirtualExecutor(*this); }

}  // namespace aurora_global::net
