// The REST-XML protocol, by AWS's models: S3 speaks it. Pure.
//
// As with the other protocols, an input ends as one JSON object. A payload of bytes is not in it: a
// body may be large, and is the operation's own.
#pragma once

#include <nlohmann/json.hpp>

#include "awsapi/http_message.h"
#include "awsapi/query.h"
#include "awsapi/service_model.h"
#include "base/result.h"

namespace aurora_global::awsapi {

inline constexpr std::size_t kXmlBytesMax = 4u << 20;
inline constexpr int kXmlDepthMax = 64;

struct RestXmlRequest {
  std::string method;
  std::string path;  // "/BUCKET/KEY", decoded.
  Form query;
  const Headers* headers = nullptr;
};

// The operation whose method, path and query these are: of several the one that asks for most.
// Nullptr if there is none.
const OperationModel* route_rest_xml(const ServiceModel& service, const RestXmlRequest& request);

// Fails with InvalidArgument, MissingRequestBodyError, MalformedXML.
Result<nlohmann::json> read_rest_xml(const OperationModel& operation, const RestXmlRequest& request,
                                     std::string_view body);

// Whether the body of a request is bytes of a client.
bool has_bytes(const OperationModel& operation);

struct RestXmlAnswer {
  int status = 200;
  Headers headers;
  std::string body;
  bool xml = false;
};
// `root` is the name of the document's element where the output has no payload.
RestXmlAnswer write_rest_xml(const ServiceModel& service, const OperationModel& operation,
                             const std::string& root, const nlohmann::json& output);

// "Wed, 21 Oct 2026 07:28:00 GMT".
std::string http_time(double seconds);
std::optional<double> parse_http_time(const std::string& text);

}  // namespace aurora_global::awsapi
