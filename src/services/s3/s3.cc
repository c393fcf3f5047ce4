#include "services/s3/s3.h"

#include <algorithm>

#include "awsapi/aws_chunked.h"
#include "awsapi/rest_xml.h"
#include "awsapi/s3_address.h"
#include "base/base64.h"
#include "base/rng.h"
#include "net/run_blocking.h"
#include "services/call.h"

namespace aurora_global::services::s3 {
namespace {

using nlohmann::json;

constexpr std::size_t kReadInPlaceMax = 1u << 20;

const std::vector<NamedOperation>* const kTables[] = {&kBucketOperations, &kObjectOperations,
                                                      &kListOperations, &kUploadOperations};

Operation operation_named(std::string_view name) {
  for (const auto* table : kTables) {
    for (const NamedOperation& one : *table) {
      if (one.first == name) return one.second;
    }
  }
  return nullptr;
}

// What S3 can be asked for beside the operations that are served: nobody who asks for one of these
// meant another operation.
constexpr std::string_view kSubresources[] = {"accelerate",
                                              "acl",
                                              "analytics",
                                              "annotation",
                                              "attributes",
                                              "cors",
                                              "delete",
                                              "encryption",
                                              "intelligent-tiering",
                                              "inventory",
                                              "legal-hold",
                                              "lifecycle",
                                              "location",
                                              "logging",
                                              "metadataTable",
                                              "metrics",
                                              "notification",
                                              "object-lock",
                                              "ownershipControls",
                                              "policy",
                                              "policyStatus",
                                              "publicAccessBlock",
                                              "renameObject",
                                              "replication",
                                              "requestPayment",
                                              "restore",
                                              "retention",
                                              "select",
                                              "session",
                                              "tagging",
                                              "torrent",
                                              "uploads",
                                              "versioning",
                                              "versions",
                                              "website"};

Error not_implemented(const std::string& what) {
  return refuse("NotImplemented",
                "A header you provided implies functionality that is not implemented: " + what);
}

Result<void> check_served(const awsapi::OperationModel& operation,
                          const awsapi::RestXmlRequest& request) {
  for (const std::string_view name : kSubresources) {
    const bool asked = request.query.contains(std::string(name));
    const auto at = operation.path.find(name);
    if (asked && at == std::string::npos) return not_implemented("?" + std::string(name));
  }
  const bool copies = !awsapi::header(*request.headers, "x-amz-copy-source").empty();
  if (copies && operation.name != "CopyObject") return not_implemented("x-amz-copy-source");
  return ok();
}

struct Code {
  std::string_view name;
  int status;
};
constexpr Code kStatuses[] = {{"AccessDenied", 403},
                              {"BucketAlreadyExists", 409},
                              {"BucketAlreadyOwnedByYou", 409},
                              {"BucketNotEmpty", 409},
                              {"InternalError", 500},
                              {"InvalidAccessKeyId", 403},
                              {"InvalidRange", 416},
                              {"MethodNotAllowed", 405},
                              {"NoSuchBucket", 404},
                              {"NoSuchBucketPolicy", 404},
                              {"NoSuchKey", 404},
                              {"NoSuchLifecycleConfiguration", 404},
                              {"NoSuchPublicAccessBlockConfiguration", 404},
                              {"NoSuchTagSet", 404},
                              {"NoSuchUpload", 404},
                              {"NoSuchVersion", 404},
                              {"NotImplemented", 501},
                              {"PreconditionFailed", 412},
                              {"QuotaExceeded", 403},
                              {"RequestTimeTooSkewed", 403},
                              {"ServiceUnavailable", 503},
                              {"SignatureDoesNotMatch", 403},
                              {"SlowDown", 503}};

int status_of(std::string_view code) {
  const auto* found = std::find_if(std::begin(kStatuses), std::end(kStatuses),
                                   [&](const Code& one) { return one.name == code; });
  return found == std::end(kStatuses) ? 400 : found->status;
}

// What everybody finds wrong before a service is asked, in S3's words.
struct Word {
  std::string_view code, theirs, sentence;  // No sentence: as it is.
};
constexpr Word kWordsOfS3[] = {
    {"MissingAuthenticationToken", "AccessDenied", "Access Denied"},
    {"IncompleteSignature", "AuthorizationHeaderMalformed", ""},
    {"ExpiredToken", "ExpiredToken", "The provided token has expired."},
    {"InternalFailure", "InternalError", ""},
    {"InvalidParameterValue", "InvalidArgument", ""},
    {"InvalidParameterCombination", "InvalidArgument", ""},
    {"MissingParameter", "InvalidArgument", ""},
    {"SerializationException", "InvalidArgument", ""},
    {"UnknownOperationException", "MethodNotAllowed",
     "The specified method is not allowed against this resource."},
};

Error in_words(const net::HttpRequest& request, Error error) {
  const std::string code = awsapi::code_of(error);
  if (code == "InvalidClientTokenId") {
    const bool session = !net::header_value(request.headers, "X-Amz-Security-Token").empty() ||
                         request.target.find("X-Amz-Security-Token=") != std::string::npos;
    error.code = session ? "InvalidToken" : "InvalidAccessKeyId";
    error.message = session ? "The provided token is malformed or otherwise invalid."
                            : "The AWS Access Key Id you provided does not exist in our records.";
    return error;
  }
  error.code = code;
  for (const Word& word : kWordsOfS3) {
    if (word.code != code) continue;
    error.code = word.theirs;
    if (!word.sentence.empty()) error.message = word.sentence;
  }
  return error;
}

// The names of the documents' roots, where they are not the output's.
std::string root_of(const std::string& operation) {
  static constexpr std::pair<std::string_view, std::string_view> kRoots[] = {
      {"ListBuckets", "ListAllMyBucketsResult"},
      {"ListObjects", "ListBucketResult"},
      {"ListObjectsV2", "ListBucketResult"},
      {"ListObjectVersions", "ListVersionsResult"},
      {"DeleteObjects", "DeleteResult"},
      {"CreateMultipartUpload", "InitiateMultipartUploadResult"},
      {"CompleteMultipartUpload", "CompleteMultipartUploadResult"},
      {"ListParts", "ListPartsResult"},
      {"GetBucketVersioning", "VersioningConfiguration"},
      {"GetBucketTagging", "Tagging"},
      {"GetBucketLifecycleConfiguration", "LifecycleConfiguration"}};
  for (const auto& [name, root] : kRoots) {
    if (name == operation) return std::string(root);
  }
  return operation + "Result";
}

std::string location_document(const json& output, std::string_view xmlns) {
  awsapi::XmlWriter xml("LocationConstraint", xmlns);
  const std::string text = xml.finish();
  const auto end = text.rfind("</");
  return text.substr(0, end) + output.value("LocationConstraint", "") + text.substr(end);
}

net::HttpResponse response_of(const awsapi::OperationModel& operation, Outcome outcome) {
  const awsapi::ServiceModel& model = *awsapi::service_model("s3");
  auto written = awsapi::write_rest_xml(model, operation, root_of(operation.name), outcome.output);
  if (operation.name == "GetBucketLocation") {
    written.body = location_document(outcome.output, model.xml_namespace);
  }
  net::HttpResponse response;
  response.status = outcome.status == 0 ? written.status : outcome.status;
  response.headers = std::move(written.headers);
  const std::string id = random_hex(8);
  response.headers.emplace_back("x-amz-request-id", id);
  response.headers.emplace_back("x-amz-id-2", id);
  if (written.xml) response.headers.emplace_back("Content-Type", "application/xml");
  response.body =
      operation.name == "GetObject" ? std::move(outcome.content) : std::move(written.body);
  response.held = std::move(outcome.held);
  return response;
}

bool has_document(const awsapi::OperationModel& operation) {
  return operation.input != nullptr &&
         std::any_of(operation.input->members.begin(), operation.input->members.end(),
                     [](const awsapi::ShapeMember& member) {
                       return member.location == awsapi::Location::payload &&
                              member.shape->type == awsapi::ShapeType::structure;
                     });
}

// The content of a body in chunks; its trailers become headers.
Result<void> take_chunks(const awsapi::Verified& verified, net::HttpRequest& request) {
  if (verified.payload == awsapi::Payload::whole) return ok();
  TRY(auto read, awsapi::read_chunks(request.body, verified.payload, verified.chunks));
  const std::string length = net::header_value(request.headers, "x-amz-decoded-content-length");
  if (!length.empty() && length != std::to_string(read.content.size())) {
    return refuse("IncompleteBody",
                  "You did not provide the number of bytes specified by the "
                  "x-amz-decoded-content-length HTTP header");
  }
  request.body = std::move(read.content);
  for (auto& trailer : read.trailers) request.headers.push_back(std::move(trailer));
  return ok();
}

Result<awsapi::RestXmlRequest> rest_of(const net::HttpRequest& request) {
  const auto question = std::min(request.target.find('?'), request.target.size());
  auto query =
      awsapi::parse_form(request.target.substr(std::min(question + 1, request.target.size())));
  const auto address = awsapi::s3_address_of(net::header_value(request.headers, "Host"),
                                             request.target.substr(0, question));
  const bool text = awsapi::is_valid_utf8(address.bucket) && awsapi::is_valid_utf8(address.key) &&
                    address.key.find('\0') == std::string::npos;
  if (query.has_error() || !text) {
    return refuse("InvalidURI", "Couldn't parse the specified URI.");
  }
  std::string path = "/" + address.bucket;
  if (!address.key.empty()) path += "/" + address.key;
  std::erase_if(*query, [](const auto& one) {
    return one.first.starts_with("X-Amz-") || one.first == "x-id";
  });
  return awsapi::RestXmlRequest{request.method, std::move(path), std::move(*query),
                                &request.headers};
}

}  // namespace

std::vector<std::string_view> action_names() {
  std::vector<std::string_view> names;
  for (const auto* table : kTables) {
    for (const NamedOperation& one : *table) names.push_back(one.first);
  }
  return names;
}

net::HttpResponse refusal(const net::HttpRequest& request, const Error& given, std::string id) {
  const Error error = in_words(request, given);
  net::HttpResponse response;
  response.status = status_of(error.code);
  if (id.empty()) id = random_hex(8);
  response.headers = {{"x-amz-request-id", id}, {"x-amz-id-2", id}};
  if (request.method == "HEAD") return response;
  awsapi::XmlWriter xml("Error", "");
  xml.element("Code", error.code);
  xml.element("Message", error.message);
  xml.element("Resource", awsapi::shown(request.target.substr(0, request.target.find('?'))));
  xml.element("RequestId", id);
  xml.element("HostId", id);
  response.body = xml.finish();
  response.headers.emplace_back("Content-Type", "application/xml");
  return response;
}

Result<std::unique_ptr<S3>> S3::open(const region::Facts& facts,
                                     const std::filesystem::path& directory) {
  TRY(auto store, ObjectStore::open(directory));
  return std::unique_ptr<S3>(new S3(Parts{facts, std::move(store), {}}));
}

net::Task<Result<Outcome>> S3::run(std::string operation, json input, std::string body) {
  const Operation function = operation_named(operation);
  if (function == nullptr) co_return unknown_operation(operation);
  auto running = function(parts_, Members(std::move(input), "s3", operation), std::move(body));
  co_return co_await std::move(running);
}

net::Task<Result<net::HttpResponse>> S3::answer(awsapi::Verified verified,
                                                net::HttpRequest request) {
  const awsapi::ServiceModel& model = *awsapi::service_model("s3");
  CO_TRY(awsapi::RestXmlRequest rest, rest_of(request));
  const auto* operation = awsapi::route_rest_xml(model, rest);
  if (operation == nullptr) {
    co_return refuse("MethodNotAllowed",
                     "The specified method is not allowed against this resource.");
  }
  CO_TRY_VOID(check_served(*operation, rest));
  Result<void> taken = ok();
  if (request.body.size() <= kReadInPlaceMax) {
    taken = take_chunks(verified, request);
  } else {
    auto taking = net::run_blocking([&] { return take_chunks(verified, request); });
    taken = co_await std::move(taking);
  }
  if (taken.has_error()) co_return taken.error();
  const bool bytes = awsapi::has_bytes(*operation);
  if (!bytes && !awsapi::is_valid_utf8(request.body)) {
    co_return refuse("MalformedXML",
                     "The XML you provided was not well-formed or did not validate against our "
                     "published schema");
  }
  CO_TRY(json input, awsapi::read_rest_xml(*operation, rest, bytes ? "" : request.body));
  auto checked = read_input("s3", operation->name, input);
  if (checked.has_error()) {
    const bool document = has_document(*operation);
    co_return refuse(document ? "MalformedXML" : "InvalidArgument", checked.error().message);
  }
  if (!bytes) CO_TRY_VOID(check_document(request.headers, request.body));
  auto running = run(operation->name, std::move(*checked), bytes ? std::move(request.body) : "");
  CO_TRY(Outcome outcome, co_await std::move(running));
  co_return response_of(*operation, std::move(outcome));
}

net::Task<net::HttpResponse> S3::serve(awsapi::Verified verified, net::HttpRequest request) {
  net::HttpRequest head;  // What a refusal is told with.
  head.method = request.method;
  head.target = request.target;
  head.headers = request.headers;
  auto answering = answer(std::move(verified), std::move(request));
  auto answered = co_await std::move(answering);
  if (answered.has_error()) co_return refusal(head, answered.error());
  co_return std::move(*answered);
}

net::Task<Result<json>> S3::call(std::string operation, json input) {
  std::string body;
  if (input.contains("Body")) {
    body = from_base64(input["Body"].get<std::string>()).value_or("");
    input.erase("Body");
  }
  if (operation == "GetObject" && !input.contains("Range")) {
    auto finding = parts_.store->find(input.value("Bucket", ""), input.value("Key", ""),
                                      input.value("VersionId", ""));
    CO_TRY(const Object object, co_await std::move(finding));
    if (object.content.size > kCalledBytesMax) {
      co_return refuse("EntityTooLarge", "The object is over " + std::to_string(kCalledBytesMax) +
                                             " bytes: it has " +
                                             std::to_string(object.content.size));
    }
  }
  const bool gets = operation == "GetObject";
  auto running = run(std::move(operation), std::move(input), std::move(body));
  CO_TRY(Outcome outcome, co_await std::move(running));
  if (gets) outcome.output["Body"] = base64(outcome.content);
  co_return std::move(outcome.output);
}

net::Task<Result<std::shared_ptr<const ObjectFile>>> S3::open_object(std::string bucket,
                                                                     std::string key,
                                                                     std::string version_id) {
  constexpr int kLooksMax = 3;
  for (int look = 1;; ++look) {
    auto finding = parts_.store->find(bucket, key, version_id);
    CO_TRY(Object object, co_await std::move(finding));
    auto opening = parts_.store->open_file(std::move(object));
    auto opened = co_await std::move(opening);
    const bool gone = opened.has_error() && opened.error().kind == ErrorKind::not_found;
    if (!gone || look == kLooksMax) co_return opened;
  }
}

}  // namespace aurora_global::services::s3
