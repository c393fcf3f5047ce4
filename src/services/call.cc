#include "services/call.h"

#include <algorithm>

#include "awsapi/cbor.h"
#include "awsapi/input.h"
#include "awsapi/output.h"
#include "base/rng.h"

namespace aurora_global::services {
namespace {

using awsapi::Flaw;
using awsapi::Input;
using awsapi::ServiceModel;
using nlohmann::json;

// What each service calls what is wrong with a request, as its documentation and its answers say.
struct Words {
  std::string_view service;
  std::string_view missing;     // A required member that is not there.
  std::string_view constraint;  // A value outside the model's constraints.
  std::string_view value;       // What an operation itself finds wrong with a value.
};
constexpr Words kWords[] = {
    {"rds", "MissingParameter", "InvalidParameterValue", "InvalidParameterValue"},
    {"monitoring", "MissingParameter", "ValidationError", "InvalidParameterValue"},
    {"sts", "MissingParameter", "ValidationError", "InvalidParameterValue"},
    {"iam", "ValidationError", "ValidationError", "ValidationError"},
    {"ec2", "MissingParameter", "InvalidParameterValue", "InvalidParameterValue"},
    {"s3", "InvalidArgument", "InvalidArgument", "InvalidArgument"},
    {"cloudformation", "ValidationError", "ValidationError", "ValidationError"},
    {"logs", "InvalidParameterException", "InvalidParameterException", "InvalidParameterException"},
    {"secretsmanager", "ValidationException", "ValidationException", "InvalidParameterException"},
    {"kms", "ValidationException", "ValidationException", "ValidationException"},
    {"ssm", "ValidationException", "ValidationException", "ValidationException"},
    {"apigateway", "BadRequestException", "BadRequestException", "BadRequestException"},
    {"sqs", "MissingParameter", "InvalidParameterValue", "InvalidParameterValue"},
    {"lambda", "ValidationException", "ValidationException", "InvalidParameterValueException"},
};

bool is_rest(std::string_view service) { return service == "lambda" || service == "apigateway"; }

const Words& words_of(std::string_view service) {
  const auto* found = std::find_if(std::begin(kWords), std::end(kWords),
                                   [&](const Words& one) { return one.service == service; });
  return found == std::end(kWords) ? kWords[0] : *found;
}

std::string path_of(const net::HttpRequest& request) {
  return request.target.substr(0, request.target.find('?'));
}

std::string query_of(const net::HttpRequest& request) {
  const auto question = request.target.find('?');
  return question == std::string::npos ? "" : request.target.substr(question + 1);
}

// "/service/GraniteServiceVersion20100801/operation/PutMetricData".
std::string operation_in_path(const ServiceModel& service, const std::string& path) {
  const std::string prefix = "/service/" + service.target + "/operation/";
  return path.rfind(prefix, 0) == 0 ? path.substr(prefix.size()) : "";
}

// The first flaw decides the code, as AWS finds a member that is not there before anything else.
Result<json> without_flaws(const ServiceModel& service, Input input) {
  if (input.flaws.empty()) return std::move(input.object);
  const Words& words = words_of(service.name);
  const auto with = [&](Flaw::Kind kind) {
    return std::find_if(input.flaws.begin(), input.flaws.end(),
                        [&](const Flaw& flaw) { return flaw.kind == kind; });
  };
  const bool as_parameters = words.missing == "MissingParameter";
  const auto missing = with(Flaw::Kind::missing);
  if (as_parameters && missing != input.flaws.end()) {
    return make_error(ErrorKind::invalid, "The request must contain the parameter " + missing->path,
                      std::string(words.missing));
  }
  for (const Flaw::Kind kind : {Flaw::Kind::unknown, Flaw::Kind::type}) {
    const auto found = with(kind);
    if (found == input.flaws.end()) continue;
    return make_error(ErrorKind::invalid, found->sentence, std::string(words.value));
  }
  return make_error(ErrorKind::invalid, awsapi::sentence_of(input.flaws),
                    std::string(words.constraint));
}

Result<json> object_in(json document) {
  if (document.is_object()) return document;
  return make_error(ErrorKind::invalid,
                    "The request body is no object, or one nested over " +
                        std::to_string(kJsonDepthMax) + " deep or of more than " +
                        std::to_string(kJsonValuesMax) + " values",
                    "SerializationException");
}

Result<json> document_in(const std::string& body) {
  return object_in(parse_json(body, kJsonValuesMax));
}

Result<Call> read_query(const ServiceModel& service, const net::HttpRequest& request) {
  const bool in_target = request.body.empty() && request.target.find('?') != std::string::npos;
  TRY(auto form, awsapi::parse_form(in_target ? query_of(request) : request.body));
  const auto action = form.find("Action");
  if (action == form.end()) {
    return make_error(ErrorKind::invalid, "The request has no parameter Action", "MissingAction");
  }
  const auto version = form.find("Version");
  if (version != form.end() && version->second != service.version) {
    return make_error(ErrorKind::invalid, "The API version " + version->second + " is not known",
                      "InvalidAction");
  }
  Call call{Wire::query, &service, service.operation(action->second), {}};
  if (call.operation == nullptr) {
    return make_error(
        ErrorKind::invalid,
        "Could not find operation " + action->second + " for version " + service.version,
        "InvalidAction");
  }
  form.erase("Action");
  form.erase("Version");
  std::erase_if(form, [](const auto& one) { return one.first.rfind("X-Amz-", 0) == 0; });
  if (call.operation->input == nullptr) return call;
  TRY(call.input, without_flaws(service, awsapi::read_form(*call.operation->input, form)));
  return call;
}

Result<Call> read_named(const ServiceModel& service, const net::HttpRequest& request, Wire wire) {
  const std::string name =
      wire == Wire::cbor ? operation_in_path(service, path_of(request)) : operation_of(request);
  Call call{wire, &service, service.operation(name), {}};
  // Several services have operations of one name.
  const std::string target = net::header_value(request.headers, "X-Amz-Target");
  const bool anothers = wire != Wire::cbor && target != service.target + "." + name;
  if (call.operation == nullptr || anothers) return unknown_operation(name);
  json document = json::object();
  if (wire == Wire::cbor && !request.body.empty()) {
    TRY(document, awsapi::read_cbor(request.body));
    TRY(document, object_in(std::move(document)));
  } else if (!request.body.empty()) {
    TRY(document, document_in(request.body));
  }
  if (call.operation->input == nullptr) return call;
  TRY(auto input, awsapi::read_document(*call.operation->input, document));
  TRY(call.input, without_flaws(service, std::move(input)));
  return call;
}

Result<Call> read_rest_call(const ServiceModel& service, const net::HttpRequest& request) {
  TRY(const auto query, awsapi::parse_pairs(query_of(request)));
  const std::string path = path_of(request);
  const awsapi::RestRequest rest{request.method, path, &query, &request.headers};
  Call call{Wire::rest, &service, awsapi::route(service, rest), {}};
  if (call.operation == nullptr) {
    return make_error(ErrorKind::denied,
                      "Unable to determine service/operation name to be authorized",
                      "AccessDeniedException");
  }
  if (call.operation->input == nullptr) return call;
  json document = json::object();
  if (awsapi::has_document(*call.operation) && !request.body.empty()) {
    TRY(document, document_in(request.body));
  }
  TRY(auto input, awsapi::read_rest(*call.operation, rest, document));
  TRY(call.input, without_flaws(service, std::move(input)));
  return call;
}

// ---- answers

net::HttpResponse response_of(int status, std::string type, std::string body,
                              const std::string& id) {
  net::HttpResponse response;
  response.status = status;
  response.headers = {{"x-amzn-RequestId", id}, {"Content-Type", std::move(type)}};
  response.body = std::move(body);
  return response;
}

std::string text_of(const json& value) {
  return value.dump(-1, ' ', false, json::error_handler_t::replace);
}

std::string json_type(const net::HttpRequest& request) {
  const bool old =
      net::header_value(request.headers, "Content-Type").find("json-1.0") != std::string::npos;
  return old ? "application/x-amz-json-1.0" : "application/x-amz-json-1.1";
}

net::HttpResponse as_cbor(net::HttpResponse response) {
  response.headers.emplace_back("smithy-protocol", "rpc-v2-cbor");
  return response;
}

std::string ec2_error(const std::string& code, const std::string& message, const std::string& id) {
  awsapi::XmlWriter xml("Response", "");
  xml.open("Errors");
  xml.open("Error");
  xml.element("Code", code);
  xml.element("Message", message);
  xml.close();
  xml.close();
  xml.element("RequestID", id);
  return xml.finish();
}

net::HttpResponse rest_refusal(int status, const std::string& code, const std::string& message,
                               const std::string& id) {
  const json body = {
      {"Type", status >= 500 ? "Service" : "User"}, {"message", message}, {"Message", message}};
  auto response = response_of(status, "application/json", text_of(body), id);
  response.headers.emplace_back("x-amzn-ErrorType", code);
  return response;
}

}  // namespace

Wire wire_of(const net::HttpRequest& request) {
  const std::string type = net::header_value(request.headers, "Content-Type");
  if (net::header_value(request.headers, "smithy-protocol") == "rpc-v2-cbor" ||
      type == "application/cbor") {
    return Wire::cbor;
  }
  if (type.find("x-amz-json") != std::string::npos || !operation_of(request).empty()) {
    return Wire::json;
  }
  return path_of(request) == "/" ? Wire::query : Wire::rest;
}

namespace {

// A queue's URL, which older clients ask at, has a path.
Wire wire_for(std::string_view service, const net::HttpRequest& request) {
  if (is_rest(service)) return Wire::rest;
  const Wire wire = wire_of(request);
  return service == "sqs" && wire == Wire::rest ? Wire::query : wire;
}

}  // namespace

Result<Call> read_call(std::string_view service, const net::HttpRequest& request) {
  const ServiceModel& model = *awsapi::service_model(service);
  if (is_rest(service)) return read_rest_call(model, request);
  const Wire wire = wire_for(service, request);
  if (service == "rds" || service == "sts" || service == "cloudformation" || service == "iam") {
    return read_query(model, request);
  }
  if (service == "ec2") {
    TRY(Call call, read_query(model, request));
    call.wire = Wire::ec2;
    return call;
  }
  if (service == "sqs" && wire == Wire::query) return read_query(model, request);
  // Of CloudWatch alone: the others never spoke Query, and do not speak CBOR yet.
  const bool all = service == "monitoring";
  if (all && (wire == Wire::query || wire == Wire::rest)) return read_query(model, request);
  if (wire == Wire::cbor && !all) return unknown_operation(path_of(request));
  return read_named(model, request, wire == Wire::cbor ? Wire::cbor : Wire::json);
}

Result<json> read_input(std::string_view service, const std::string& operation,
                        const json& document) {
  const ServiceModel* model = awsapi::service_model(service);
  const auto* known = model == nullptr ? nullptr : model->operation(operation);
  if (known == nullptr) return unknown_operation(operation);
  if (known->input == nullptr) return json::object();
  TRY(auto input, awsapi::read_document(*known->input, document));
  return without_flaws(*model, std::move(input));
}

net::HttpResponse answer_of(const Call& call, const json& output, const net::HttpRequest& request) {
  const std::string id = random_uuid();
  const awsapi::Shape* shape = call.operation->output;
  if (call.wire == Wire::cbor) {
    return as_cbor(response_of(200, "application/cbor", awsapi::write_cbor(shape, output), id));
  }
  if (call.wire == Wire::json) return response_of(200, json_type(request), text_of(output), id);
  if (call.wire == Wire::rest) {
    const int status = awsapi::rest_status(*call.operation, output);
    const bool told = shape != nullptr && status != 204;
    return response_of(status, "application/json",
                       told ? text_of(awsapi::rest_document(*shape, output)) : "", id);
  }
  awsapi::XmlWriter xml(call.operation->name + "Response", call.service->xml_namespace);
  if (call.wire == Wire::ec2) {
    xml.element("requestId", id);
    if (shape != nullptr) awsapi::write_members(xml, *shape, output);
    return response_of(200, "text/xml", xml.finish(), id);
  }
  if (shape != nullptr) awsapi::write_xml(xml, call.operation->wrapper, *shape, output);
  xml.open("ResponseMetadata");
  xml.element("RequestId", id);
  return response_of(200, "text/xml", xml.finish(), id);
}

net::HttpResponse refuse(const net::HttpRequest& request, const Error& error,
                         const ServiceModel* service, std::string id) {
  if (id.empty()) id = random_uuid();
  const std::string code = awsapi::code_of(error);
  const auto* known = service == nullptr ? nullptr : awsapi::error_of(*service, code);
  const int status = known == nullptr ? awsapi::http_status_of(code) : known->status;
  const Wire wire = wire_for(service == nullptr ? "" : service->name, request);
  if (wire == Wire::rest) {
    // REST knows no other status for it; the JSON protocols say 400.
    const bool denied = code == "AccessDeniedException";
    return rest_refusal(denied ? 403 : status, code, error.message, id);
  }
  if (service != nullptr && service->name == "ec2") {
    return response_of(status, "text/xml", ec2_error(code, error.message, id), id);
  }
  if (wire == Wire::query) {
    const std::string_view xmlns = service == nullptr || service->xml_namespace.empty()
                                       ? awsapi::kRdsNamespace
                                       : std::string_view(service->xml_namespace);
    const std::string& name = known == nullptr ? code : known->code;
    return response_of(status, "text/xml", awsapi::error_document(name, error.message, id, xmlns),
                       id);
  }
  const std::string& shape = known == nullptr ? code : known->shape;
  const json body = {{"__type", shape}, {"message", error.message}};
  net::HttpResponse response =
      wire == Wire::cbor
          ? as_cbor(response_of(status, "application/cbor", awsapi::write_cbor(nullptr, body), id))
          : response_of(status, json_type(request), text_of(body), id);
  if (wire == Wire::json) response.headers.emplace_back("x-amzn-ErrorType", shape);
  if (service != nullptr && (service->name == "monitoring" || service->name == "sqs")) {
    // What SDKs that also know the Query protocol read the code from.
    const std::string& name = known == nullptr ? code : known->code;
    response.headers.emplace_back("x-amzn-query-error",
                                  name + (status >= 500 ? ";Receiver" : ";Sender"));
  }
  return response;
}

Error in_words_of(std::string_view service, Error error) {
  const Words& words = words_of(service);
  if (error.code == "InvalidParameterValue") error.code = words.value;
  if (error.code == "MissingParameter") error.code = words.missing;
  return error;
}

}  // namespace aurora_global::services
