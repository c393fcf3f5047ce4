#include "cli/environment.h"

#include <unistd.h>

#include <algorithm>
#include <cstdlib>
#include <string_view>

#include "base/check.h"

namespace aurora_global::cli {
namespace {

// Every name that a taking() may set.
constexpr const char* kSet[] = {"PGHOST",
                                "PGPORT",
                                "PGUSER",
                                "PGDATABASE",
                                "PGPASSFILE",
                                "PGSSLMODE",
                                "PGSSLROOTCERT",
                                "AWS_SHARED_CREDENTIALS_FILE",
                                "AWS_PROFILE",
                                "AWS_REGION",
                                "AWS_DEFAULT_REGION",
                                "AWS_ENDPOINT_URL",
                                "AWS_CONFIG_FILE",
                                "AWS_CA_BUNDLE",
                                "CURL_CA_BUNDLE",
                                "AWS_PAGER",
                                "AWS_DATA_PATH",
                                "AURORA_GLOBAL_HOME"};

// What clients would prefer to those, or what makes them refuse what those say. Of libpq all but
// matters of taste (names, time zones, encodings, waits), also of its newer versions:
// https://www.postgresql.org/docs/current/libpq-envars.html. Of AWS's SDKs: other credentials,
// other profiles, other endpoints, for those of the services that a platform has.
constexpr const char* kCleared[] = {"PGHOSTADDR",
                                    "PGPASSWORD",
                                    "PGREQUIREAUTH",
                                    "PGCHANNELBINDING",
                                    "PGSERVICE",
                                    "PGSERVICEFILE",
                                    "PGOPTIONS",
                                    "PGREQUIRESSL",
                                    "PGSSLNEGOTIATION",
                                    "PGSSLCOMPRESSION",
                                    "PGSSLCERT",
                                    "PGSSLKEY",
                                    "PGSSLCERTMODE",
                                    "PGSSLCRL",
                                    "PGSSLCRLDIR",
                                    "PGSSLSNI",
                                    "PGREQUIREPEER",
                                    "PGSSLMINPROTOCOLVERSION",
                                    "PGSSLMAXPROTOCOLVERSION",
                                    "PGMINPROTOCOLVERSION",
                                    "PGMAXPROTOCOLVERSION",
                                    "PGGSSENCMODE",
                                    "PGKRBSRVNAME",
                                    "PGGSSLIB",
                                    "PGGSSDELEGATION",
                                    "PGTARGETSESSIONATTRS",
                                    "PGLOADBALANCEHOSTS",
                                    "AWS_ACCESS_KEY_ID",
                                    "AWS_SECRET_ACCESS_KEY",
                                    "AWS_SESSION_TOKEN",
                                    "AWS_SECURITY_TOKEN",
                                    "AWS_CREDENTIAL_EXPIRATION",
                                    "AWS_DEFAULT_PROFILE",
                                    "AWS_ROLE_ARN",
                                    "AWS_ROLE_SESSION_NAME",
                                    "AWS_WEB_IDENTITY_TOKEN_FILE",
                                    "AWS_IGNORE_CONFIGURED_ENDPOINT_URLS",
                                    "AWS_USE_FIPS_ENDPOINT",
                                    "AWS_USE_DUALSTACK_ENDPOINT",
                                    "AWS_ENDPOINT_URL_RDS",
                                    "AWS_ENDPOINT_URL_LAMBDA",
                                    "AWS_ENDPOINT_URL_CLOUDWATCH",
                                    "AWS_ENDPOINT_URL_CLOUDWATCH_LOGS",
                                    "AWS_ENDPOINT_URL_SECRETS_MANAGER",
                                    "AWS_ENDPOINT_URL_KMS",
                                    "AWS_ENDPOINT_URL_STS",
                                    "AWS_ENDPOINT_URL_S3",
                                    "AWS_ENDPOINT_URL_SSM",
                                    "AWS_ENDPOINT_URL_IAM",
                                    "AWS_ENDPOINT_URL_EC2"};

constexpr const char* kKept = "AURORA_GLOBAL_KEPT_";   // With the name of what was there before.
constexpr const char* kBin = "AURORA_GLOBAL_ENV_BIN";  // What is in PATH; set: an environment is.

std::string fish_quoted(const std::string& text) {
  std::string out = "'";
  for (const char c : text) out += (c == '\'' || c == '\\' ? "\\" : "") + std::string(1, c);
  return out + "'";
}

// A statement for each name, with @ for the name and % for the variable that keeps it.
std::string filled(std::string_view statement, const std::string& name) {
  std::string out;
  for (const char c : statement) {
    out += c == '@' ? name : c == '%' ? kKept + name : std::string(1, c);
  }
  return out;
}

template <std::size_t size>
bool is_among(const char* const (&names)[size], const std::string& name) {
  return std::find(std::begin(names), std::end(names), name) != std::end(names);
}

std::string undo_in_posix(const std::vector<std::string>& names) {
  std::string out = "if [ -n \"${AURORA_GLOBAL_ENV_BIN+x}\" ]; then\n";
  for (const std::string& name : names) {
    out += filled("if [ -n \"${%+x}\" ]; then export @=\"$%\"; unset %; else unset @; fi\n", name);
  }
  // The first one only: whoever had it in PATH as well keeps it. No program is called, for which
  // PATH would be needed.
  return out + R"sh(aurora_global_path=":${PATH}:"
case "$aurora_global_path" in *:"$AURORA_GLOBAL_ENV_BIN":*)
PATH=${aurora_global_path%%:"$AURORA_GLOBAL_ENV_BIN":*}:${aurora_global_path#*:"$AURORA_GLOBAL_ENV_BIN":}
PATH=${PATH#:}
PATH=${PATH%:} ;;
esac
unset aurora_global_path AURORA_GLOBAL_ENV_BIN
fi
)sh";
}

std::string undo_in_fish(const std::vector<std::string>& names) {
  std::string out = "if set -q AURORA_GLOBAL_ENV_BIN;\n";
  for (const std::string& name : names) {
    out += filled("if set -q %; set -gx @ $%; set -e %; else; set -e -g @; end;\n", name);
  }
  return out +
         R"fish(if set -l at (contains -i -- "$AURORA_GLOBAL_ENV_BIN" $PATH); set -e PATH[$at]; end;
set -e AURORA_GLOBAL_ENV_BIN;
end;
)fish";
}

// The names of the tables, and those of this process's environment that are of their kind.
std::vector<std::string> all_names() {
  std::vector<std::string> names(std::begin(kSet), std::end(kSet));
  names.insert(names.end(), std::begin(kCleared), std::end(kCleared));
  for (char** one = environ; *one != nullptr; ++one) {
    const std::string_view entry = *one;
    std::string name(entry.substr(0, entry.find('=')));
    if (name.starts_with(kKept)) name.erase(0, std::string_view(kKept).size());
    const bool plain = std::all_of(name.begin(), name.end(), [](char c) {
      return (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '_';
    });
    const bool known = std::find(names.begin(), names.end(), name) != names.end();
    if (plain && !known && is_taken(name)) names.push_back(name);
  }
  return names;
}

}  // namespace

std::string shell_quoted(const std::string& text) {
  std::string out = "'";
  for (const char c : text) out += c == '\'' ? std::string("'\\''") : std::string(1, c);
  return out + "'";
}

bool is_taken(const std::string& name) {
  return is_among(kSet, name) || is_among(kCleared, name) || name.starts_with("AWS_ENDPOINT_URL_");
}

std::string undoing(ShellKind shell) {
  return shell == ShellKind::fish ? undo_in_fish(all_names()) : undo_in_posix(all_names());
}

std::string taking(ShellKind shell, const Variables& variables, const std::string& bin) {
  const bool fish = shell == ShellKind::fish;
  std::string out = undoing(shell);
  for (const std::string& name : all_names()) {
    out += filled(fish ? "if set -q @; set -gx % $@; set -e -g @; end;\n"
                       : "if [ -n \"${@+x}\" ]; then export %=\"$@\"; unset @; fi\n",
                  name);
  }
  Variables all = variables;
  all.emplace_back(kBin, bin);
  for (const auto& [name, value] : all) {
    CHECK(is_taken(name) || name == kBin);
    out += fish ? "set -gx " + name + " " + fish_quoted(value) + ";\n"
                : "export " + name + "=" + shell_quoted(value) + "\n";
  }
  return out + (fish ? "set -gx PATH " + fish_quoted(bin) + " $PATH;\n"
                     : "export PATH=" + shell_quoted(bin) + ":\"$PATH\"\n");
}

void take_here(const Variables& variables) {
  for (const std::string& name : all_names()) unsetenv(name.c_str());
  for (const auto& [name, value] : variables) setenv(name.c_str(), value.c_str(), 1);
}

}  // namespace aurora_global::cli
