#include "region/router_door.h"

#include "region/postgres_files.h"

namespace aurora_global::region {

net::Task<Result<void>> ControlRouter::keep_topology(std::string text) {
  co_return replace_file(topology_, text, 0644);
}

}  // namespace aurora_global::region
