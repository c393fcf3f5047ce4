// The variables by which psql, libpq, the AWS CLI and AWS's SDKs find a platform, and how a shell
// takes them and gives back what was there before.
#pragma once

#include <string>
#include <utility>
#include <vector>

namespace aurora_global::cli {

using Variables = std::vector<std::pair<std::string, std::string>>;

enum class ShellKind { posix, fish };

// Statements for a shell's eval. What the variables overwrite, and what clients would prefer to
// them, is kept in variables of the shell; an environment that was taken before is undone first.
// `bin` becomes the first directory of PATH.
std::string taking(ShellKind shell, const Variables& variables, const std::string& bin);

// Statements that undo any taking(), and do nothing where there was none.
std::string undoing(ShellKind shell);

// The same for this process and the program that it becomes; nothing is kept.
void take_here(const Variables& variables);

// Whether taking() may set it, or takes it away.
bool is_taken(const std::string& name);

std::string shell_quoted(const std::string& text);

}  // namespace aurora_global::cli
