#include "awsclient/credentials.h"

#include <cstdlib>
#include <fstream>
#include <map>

namespace aurora_global::awsclient {
namespace {

constexpr const char* kWayOut =
    "; SSO, roles and credential processes are not read: "
    "eval \"$(aws configure export-credentials --format env)\" makes environment variables of them";

Error no_credentials(const std::string& what) {
  return make_error(ErrorKind::invalid, "no AWS credentials: " + what + kWayOut);
}

std::string trimmed(const std::string& text) {
  const auto first = text.find_first_not_of(" \t\r");
  const auto last = text.find_last_not_of(" \t\r");
  return first == std::string::npos ? std::string() : text.substr(first, last - first + 1);
}

using Section = std::map<std::string, std::string>;

std::map<std::string, Section> read_sections(std::istream& in) {
  std::map<std::string, Section> sections;
  Section* current = nullptr;
  for (std::string raw; std::getline(in, raw);) {
    const std::string line = trimmed(raw);
    if (line.empty() || line[0] == '#' || line[0] == ';') continue;
    if (line.front() == '[' && line.back() == ']') {
      current = &sections[trimmed(line.substr(1, line.size() - 2))];
      continue;
    }
    const auto equals = line.find('=');
    if (current == nullptr || equals == std::string::npos) continue;
    (*current)[trimmed(line.substr(0, equals))] = trimmed(line.substr(equals + 1));
  }
  return sections;
}

}  // namespace

std::string process_environment(const char* name) {
  const char* value = std::getenv(name);
  return value == nullptr ? std::string() : std::string(value);
}

Result<awsapi::Credentials> find_credentials(const Environment& environment) {
  awsapi::Credentials found{environment("AWS_ACCESS_KEY_ID"), environment("AWS_SECRET_ACCESS_KEY"),
                            environment("AWS_SESSION_TOKEN")};
  if (!found.access_key_id.empty() && !found.secret_access_key.empty()) return found;
  if (found.access_key_id.empty() != found.secret_access_key.empty()) {
    return no_credentials("of AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY only one is set");
  }
  std::string file = environment("AWS_SHARED_CREDENTIALS_FILE");
  if (file.empty()) file = environment("HOME") + "/.aws/credentials";
  std::string profile = environment("AWS_PROFILE");
  if (profile.empty()) profile = "default";
  std::ifstream in(file);
  if (!in) {
    return no_credentials("AWS_ACCESS_KEY_ID is not set and " + file + " cannot be read");
  }
  auto sections = read_sections(in);
  const auto section = sections.find(profile);
  if (section == sections.end()) {
    return no_credentials("AWS_ACCESS_KEY_ID is not set and " + file + " has no profile [" +
                          profile + "] (AWS_PROFILE)");
  }
  Section& keys = section->second;
  found = {keys["aws_access_key_id"], keys["aws_secret_access_key"], keys["aws_session_token"]};
  if (!found.access_key_id.empty() && !found.secret_access_key.empty()) return found;
  return no_credentials("AWS_ACCESS_KEY_ID is not set and profile [" + profile + "] of " + file +
                        " has no aws_access_key_id with aws_secret_access_key");
}

}  // namespace aurora_global::awsclient
