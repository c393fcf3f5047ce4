// The files that people write, or that `up` writes and people change: router.toml, region.toml,
// link.toml and drills. Refused with a sentence that names the file, never with an exception. The
// first byte says which one it is to be.
#include <sys/mman.h>
#include <unistd.h>

#include <cstdint>
#include <cstdlib>
#include <string>

#include "drill/drill_file.h"
#include "link/config.h"
#include "region/config.h"
#include "router/config.h"

namespace {

using namespace aurora_global;

// A file with this text.
class File {
 public:
  explicit File(std::string_view text) : fd_(memfd_create("input.toml", MFD_CLOEXEC)) {
    if (fd_ < 0 || write(fd_, text.data(), text.size()) != static_cast<ssize_t>(text.size())) {
      std::abort();
    }
  }
  ~File() { close(fd_); }
  std::filesystem::path path() const { return "/proc/self/fd/" + std::to_string(fd_); }

 private:
  int fd_;
};

template <typename T>
void require_a_reason(const Result<T>& result) {
  if (result.has_error() && result.error().message.size() < 10) std::abort();
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  if (size == 0) return 0;
  const std::string text(data + 1, data + size);
  switch (data[0] % 6) {
    case 0: require_a_reason(router::load_router_config(File(text).path())); break;
    case 1: require_a_reason(region::load_region_config(File(text).path())); break;
    case 2: require_a_reason(link::load_link_config(File(text).path())); break;
    case 3: require_a_reason(drill::parse_drill(text, "input")); break;
    case 4: require_a_reason(drill::parse_drill(text, "input", {}, drill::Target::aws)); break;
    case 5: require_a_reason(region::load_credentials(File(text).path())); break;
  }
  return 0;
}
