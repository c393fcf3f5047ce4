// The outside of a region on a real machine. The one place that constructs it.
#pragma once

#include <memory>

#include "region/config.h"
#include "region/outside.h"

namespace aurora_global::region {

class Machine {
 public:
  // `config` outlives it. Fails with the reason why this region cannot run here.
  static Result<std::unique_ptr<Machine>> open(boost::asio::any_io_executor executor,
                                               const RegionConfig& config);
  // Refers to this.
  Outside outside();

 private:
  explicit Machine(boost::asio::any_io_executor executor) : executor_(std::move(executor)) {}

  boost::asio::any_io_executor executor_;
  SystemClock clock_;
  SystemRandomness randomness_;
  std::unique_ptr<Store> store_;
  std::unique_ptr<Vault> vault_;
  std::unique_ptr<PeerTransport> peers_;
  std::unique_ptr<RouterLink> router_;
  MakeInstance make_instance_;
  Facts facts_;
  std::map<std::string, std::string> access_keys_;
};

}  // namespace aurora_global::region
