#include "awsapi/query_answer.h"

#include <time.h>

#include <algorithm>
#include <array>
#include <cmath>
#include <cstdlib>

namespace aurora_global::awsapi {

bool is_throttling(std::string_view code) {
  static constexpr std::array<std::string_view, 5> kCodes = {
      "Throttling", "ThrottlingException", "RequestLimitExceeded", "TooManyRequestsException",
      "RequestThrottled"};
  return std::find(kCodes.begin(), kCodes.end(), code) != kCodes.end();
}

Result<pugi::xml_node> result_of(pugi::xml_document& document, int status, std::string_view body) {
  const auto parsed = document.load_buffer(body.data(), body.size());
  const pugi::xml_node root = document.document_element();
  const pugi::xml_node error = root.child("Error");
  if (error) {
    const std::string code = text_of(error, "Code");
    ErrorKind kind = ErrorKind::conflict;
    if (status == 404) kind = ErrorKind::not_found;
    if (status == 403) kind = ErrorKind::denied;
    if (status >= 500) kind = ErrorKind::unavailable;
    if (code.rfind("InvalidParameter", 0) == 0) kind = ErrorKind::invalid;
    if (is_throttling(code)) kind = ErrorKind::exhausted;
    return make_error(kind, text_of(error, "Message"), code);
  }
  if (!parsed || status != 200 || !root) {
    return make_error(status >= 500 ? ErrorKind::unavailable : ErrorKind::corrupt,
                      "the answer (HTTP " + std::to_string(status) +
                          ") is no document of AWS: " + std::string(body.substr(0, 200)));
  }
  return root.first_child();
}

std::string text_of(const pugi::xml_node& node, const char* name) {
  return node.child(name).text().get();
}

// Offset of the time zone: AWS's are always UTC.
WallTime parse_time(const char* text) {
  std::tm utc{};
  const char* rest = strptime(text, "%Y-%m-%dT%H:%M:%S", &utc);
  if (rest == nullptr) return WallTime{};
  double fraction = 0;
  if (*rest == '.') fraction = std::atof(rest);
  return WallTime(std::chrono::seconds(timegm(&utc)) +
                  std::chrono::microseconds(std::lround(fraction * 1e6)));
}

}  // namespace aurora_global::awsapi
