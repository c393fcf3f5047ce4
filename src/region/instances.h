// This region's instances, and what was last seen of each. The head, in slot 1, is the writer of a
// primary region, and in a secondary region the one that replicates across the link.
#pragma once

#include <map>
#include <memory>
#include <string>
#include <vector>

#include "model/region_status.h"
#include "region/forwarding_view.h"
#include "region/instance/instance.h"
#include "region/stream_watch.h"

namespace aurora_global::region {

class Instances {
 public:
  static constexpr int kHeadSlot = 1;

  // What was last seen of one. Nothing of it survives the daemon.
  struct Seen {
    bool running = false;
    InstanceState state;
    ForwardingView forwarding;
    StreamWatch stream;
    int mends = 0;  // Without a sign of success since.
    // Runs, does not answer, and has not come further since.
    std::optional<Instant> mute_since;
    std::string startup;  // What it was replaying then.
  };
  struct One {
    std::shared_ptr<Instance> instance;
    Seen seen;
  };
  using All = std::map<std::string, One>;

  explicit Instances(MakeInstance make) : make_(std::move(make)) {}

  // Makes those of the DB cluster that are not there yet.
  void sync(const model::DbCluster* cluster);
  void forget(const std::string& identifier) { all_.erase(identifier); }

  const All& all() const { return all_; }
  std::shared_ptr<Instance> find(const std::string& identifier) const;
  std::shared_ptr<Instance> head() const;
  // Nullptr: it is not there (any more).
  Seen* seen(const std::string& identifier);
  model::HeadStatus head_status() const;
  // The promotion has just told: nobody needs to look.
  void head_is_open();

  // Either a copy takes the place of the head's data, or the writer moves to them: never both, for
  // a copy that fails leaves nothing to open. A claim ends with its last owner; nullptr: the other
  // use goes on.
  using Claim = std::shared_ptr<const void>;
  Claim claim_replacement();
  Claim claim_move();

 private:
  static Claim claim(std::weak_ptr<const void>& mine, const std::weak_ptr<const void>& other);

  std::weak_ptr<const void> replacement_, move_;
  MakeInstance make_;
  All all_;
};

}  // namespace aurora_global::region
