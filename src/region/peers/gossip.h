// What the regions tell each other twice a second, and whenever something has changed: copies of
// the global clusters, operations, the state of the head instance, versions of secrets.
//
// What is heard becomes true through model::merge and Truth::commit, and only then has a
// consequence; the peer counts as heard when all of its word was taken in.
#pragma once

#include <functional>

#include "region/core.h"
#include "region/peers/server.h"

namespace aurora_global::region {

class Gossip {
 public:
  // Who acts on what was heard.
  struct Listeners {
    // An operation that another region coordinates was called off.
    std::function<net::Task<void>(model::Operation operation)> called_off;
    // The epoch, the writer or the members may have changed.
    std::function<void()> changed;
    std::function<net::Task<void>(RegionId from, nlohmann::json clocks)> secrets;
    std::function<nlohmann::json()> secret_clocks;
  };

  Gossip(Core& core, Truth& truth) : core_(core), truth_(truth) {}

  void start(PeerServer& server, Listeners listeners);
  // Tells everybody soon.
  void tell();
  messages::Gossip message() const;
  // Takes over what is newer. Fails when it could not be stored: then `from` counts as not heard.
  // A request may have been written before this daemon started, and before an epoch that its
  // sender knows by now: only an answer says what its region knows at least.
  enum class Word : std::uint8_t { answer, request };
  net::Task<Result<void>> learn(RegionId from, messages::Gossip message, Word word);
  net::Task<Result<void>> learn_global(model::GlobalCluster theirs);
  net::Task<void> learn_operation(model::Operation theirs);

 private:
  net::Task<void> talk_with(RegionId peer);
  net::Task<Result<void>> exchange(RegionId peer);
  net::Task<void> learn_secrets(RegionId from, nlohmann::json clocks);
  net::Task<Result<void>> forget_those_who_left(RegionId from,
                                                std::map<std::string, std::string> left);
  void tell_of_a_new_writer(const model::GlobalCluster& now, bool split, bool lost);

  Core& core_;
  Truth& truth_;
  Listeners listeners_;
  std::set<std::pair<Epoch, model::Decision>> splits_;  // Told of once.
  std::set<RegionId> learning_secrets_of_;
};

}  // namespace aurora_global::region
