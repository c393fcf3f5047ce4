// The command `aurora-global`: reads its arguments and hands over; nothing else happens here.
#include <algorithm>

#include "cli/command.h"
#include "cli/command_line.h"
#include "cli/standard_streams.h"

int main(int argc, char** argv) {
  using namespace aurora_global;
  cli::open_standard_streams();
  cli::set_program_name(argv[0]);
  cli::CommandLine line("aurora-global " AURORA_GLOBAL_VERSION);
  const auto read = line.read(std::vector<std::string>(argv + std::min(argc, 1), argv + argc));
  return cli::end_output(read ? *read : line.run());
}
