// What the other regions last said of themselves.
#pragma once

#include <map>
#include <optional>
#include <string>
#include <vector>

#include "base/clock.h"
#include "model/region_status.h"

namespace aurora_global::region {

struct PeerView {
  Instant heard{};
  std::string engine_version;
  std::string cluster_identifier;
  std::vector<std::string> instance_identifiers;
  model::HeadStatus head;
};

class PeerViews {
 public:
  explicit PeerViews(const Clock& clock) : clock_(clock) {}

  // True: it is the first time.
  bool hear(const RegionId& region, PeerView view) {
    view.heard = clock_.now();
    return views_.insert_or_assign(region, std::move(view)).second;
  }
  const PeerView* of(const RegionId& region) const {
    const auto found = views_.find(region);
    return found == views_.end() ? nullptr : &found->second;
  }
  // Its word, if it is not older than this.
  const PeerView* fresh(const RegionId& region, Duration age_max) const {
    const PeerView* view = of(region);
    return view != nullptr && clock_.now() - view->heard <= age_max ? view : nullptr;
  }
  Duration age(const PeerView& view) const { return clock_.now() - view.heard; }

 private:
  const Clock& clock_;
  std::map<RegionId, PeerView> views_;
};

}  // namespace aurora_global::region
