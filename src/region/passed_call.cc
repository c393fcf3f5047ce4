#include "region/passed_call.h"
#include "base/json.h"

#include <nlohmann/json.hpp>

namespace aurora_global::region {
namespace {

using Json = nlohmann::json;

std::string with_body(const Json& head, const std::string& body) {
  return head.dump(-1, ' ', false, Json::error_handler_t::replace) + "\n" + body;
}

struct Parts {
  Json head;
  std::string body;
};

Result<Parts> parts_of(std::string_view text) {
  const auto end = text.find('\n');
  Parts parts{parse_json(text.substr(0, end)),
              std::string(end == std::string_view::npos ? "" : text.substr(end + 1))};
  if (parts.head.is_object()) return parts;
  return make_error(ErrorKind::corrupt, "a call that was passed on has no head");
}

// `read` takes the members of a head, whose types are a peer's word.
template <typename Call, typename Read>
Result<Call> read_call(std::string_view text, Read read) {
  TRY(Parts parts, parts_of(text));
  try {
    Call call = read(parts.head);
    parts.head.at("headers").get_to(call.headers);
    call.body = std::move(parts.body);
    return call;
  } catch (const Json::exception& error) {
    return make_error(ErrorKind::corrupt,
                      std::string("the head of a call that was passed on: ") + error.what());
  }
}

}  // namespace

std::string encode(const RawRequest& request) {
  return with_body(
      {{"method", request.method}, {"target", request.target}, {"headers", request.headers}},
      request.body);
}

std::string encode(const RawResponse& response) {
  return with_body({{"status", response.status}, {"headers", response.headers}}, response.body);
}

Result<RawRequest> decode_request(std::string_view text) {
  return read_call<RawRequest>(text, [](const Json& head) {
    return RawRequest{
        head.at("method").get<std::string>(), head.at("target").get<std::string>(), {}, {}};
  });
}

Result<RawResponse> decode_response(std::string_view text) {
  return read_call<RawResponse>(text, [](const Json& head) {
    return RawResponse{head.at("status").get<int>(), {}, {}};
  });
}

}  // namespace aurora_global::region
