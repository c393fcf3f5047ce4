// Standard input, output and error of a command: there from its start, and written at its end.
#pragma once

namespace aurora_global::cli {

// Takes descriptors 0, 1 and 2 where they are closed, so that no file or socket becomes one of
// them. Reading the first or writing the others then fails, as it did.
void open_standard_streams();

// To be called last, with the exit code so far. Output that could not be written makes a success a
// failure, and is told on standard error. A reader that went away (`| head`) has what it wanted.
int end_output(int code);

}  // namespace aurora_global::cli
