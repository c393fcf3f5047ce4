// The way to the daemons of other regions. Bytes cross it; what they mean is in messages.h.
#pragma once

#include <functional>
#include <memory>
#include <string>
#include <utility>

#include "base/ids.h"
#include "net/task.h"

namespace aurora_global::region {

// JSON, or the struct that it will be written from: the text is made when somebody asks for it, and
// where both ends are one process (the simulator) nobody has to.
class Body {
 public:
  Body() = default;
  Body(std::string text) : text_(std::move(text)) {}
  Body(const char* text) : text_(text) {}
  // `write` makes the text.
  template <typename T>
  static Body of(T said, std::string (*write)(const T&)) {
    Body body;
    body.said_ = std::make_shared<SaidAs<T>>(std::move(said), write);
    return body;
  }

  std::string text() const& { return said_ ? said_->text() : text_; }
  std::string text() && { return said_ ? said_->text() : std::move(text_); }
  // Nullptr: it has come as text, or says something else.
  template <typename T>
  const T* as() const {
    const auto* found = dynamic_cast<const SaidAs<T>*>(said_.get());
    return found == nullptr ? nullptr : &found->said;
  }

 private:
  struct Said {
    virtual ~Said() = default;
    virtual std::string text() const = 0;
  };
  template <typename T>
  struct SaidAs final : Said {
    SaidAs(T s, std::string (*w)(const T&)) : said(std::move(s)), write(w) {}
    std::string text() const override { return write(said); }
    T said;
    std::string (*write)(const T&);
  };

  std::string text_;
  std::shared_ptr<const Said> said_;
};

struct PeerRequest {
  std::string what;  // "gossip", "fence" ...
  Body body;
  bool repeatable = true;  // Doing it twice does no harm.
};

struct PeerReply {
  int status = 200;
  Body body;
};

// Answers a request of a region whose identity is proven.
using PeerHandler = std::function<net::Task<PeerReply>(RegionId from, PeerRequest request)>;

class PeerTransport {
 public:
  virtual ~PeerTransport() = default;
  // Fails with `not_found` for a region that is no peer, else as a network does: the request may
  // have arrived, or may arrive still.
  virtual net::Task<Result<PeerReply>> call(RegionId to, PeerRequest request,
                                            Deadline deadline) = 0;
  // Peers are answered by `handler` from now on, until close().
  virtual Result<void> serve(net::TaskGroup& tasks, PeerHandler handler) = 0;
  virtual void close() = 0;
};

}  // namespace aurora_global::region
