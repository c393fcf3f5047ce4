// Runs a drill: load, steps, checks, verdict, report.
#pragma once

#include <filesystem>

#include "drill/drill_file.h"
#include "drill/faults.h"
#include "drill/platform.h"

namespace aurora_global::drill {

struct DrillOptions {
  std::filesystem::path output_dir;                 // Gets results.json, report.html, ops.csv.
  bool quiet = false;                               // No progress, no table.
  Duration metrics_wait = std::chrono::seconds(2);  // For CloudWatch, after a load of functions.
};

struct DrillOutcome {
  bool passed = false;                // Every step worked and every expectation held.
  std::vector<std::string> failures;  // One sentence each.
  std::filesystem::path report;       // report.html
};

// `faults` may be null: a file that needs them is then refused with `invalid`, before anything is
// done. Fails only where no verdict is possible (no platform, no database, no output directory).
// Everything given outlives the task.
net::Task<Result<DrillOutcome>> run_drill(DrillFile file, Platform& platform, LocalFaults* faults,
                                          DrillOptions options);

}  // namespace aurora_global::drill
