// A call in one of AWS's protocols: its operation and input by the service's model, its answer or
// refusal in the words of the same protocol.
#pragma once

#include <nlohmann/json.hpp>

#include "awsapi/service_model.h"
#include "net/http.h"
#include "services/json_protocol.h"

namespace aurora_global::services {

enum class Wire { query, json, cbor, rest, ec2, xml };

// Told by its looks, as long as it is not known who asks for which service.
Wire wire_of(const net::HttpRequest& request);

struct Call {
  Wire wire = Wire::query;
  const awsapi::ServiceModel* service = nullptr;
  const awsapi::OperationModel* operation = nullptr;
  nlohmann::json input;
};

// Fails with the codes of the service and the protocol: an operation that is not served, a body
// that is no document, a member of another type, a value outside its constraints.
Result<Call> read_call(std::string_view service, const net::HttpRequest& request);

// The input of a call that does not come over the wire, checked as if it did: a document of the
// JSON protocols, whatever the service speaks. Fails as read_call() does.
Result<nlohmann::json> read_input(std::string_view service, const std::string& operation,
                                  const nlohmann::json& document);

net::HttpResponse answer_of(const Call& call, const nlohmann::json& output,
                            const net::HttpRequest& request);

// `error` in the protocol of `request`, with the name and the status that the service's model gives
// its code. `id` as request id; empty: a new one.
net::HttpResponse refuse(const net::HttpRequest& request, const Error& error,
                         const awsapi::ServiceModel* service = nullptr, std::string id = "");

// The code that `service` has for what Members found wrong with a value.
Error in_words_of(std::string_view service, Error error);

// Runs an operation of `service` by a dispatch table: an array of pairs (name, function), where
// function(context..., Members) is a Task of the output. `input` has passed the model's
// constraints. The context outlives the call.
template <typename Table, typename... Context>
net::Task<Result<nlohmann::json>> run_in_table(std::string_view service, const Table& table,
                                               std::string operation, nlohmann::json input,
                                               Context&... context) {
  for (const auto& [name, function] : table) {
    if (name != operation) continue;
    auto running = function(context..., Members(std::move(input), service, name));
    Result<nlohmann::json> answer = co_await std::move(running);
    if (answer.has_value()) co_return answer;
    co_return in_words_of(service, answer.error());
  }
  co_return unknown_operation(operation);
}

// Answers a call over the wire the same way.
template <typename Table, typename... Context>
net::Task<net::HttpResponse> serve_table(std::string_view service, const Table& table,
                                         net::HttpRequest request, Context&... context) {
  auto call = read_call(service, request);
  if (call.has_error()) co_return refuse(request, call.error(), awsapi::service_model(service));
  auto running =
      run_in_table(service, table, call->operation->name, std::move(call->input), context...);
  const Result<nlohmann::json> answer = co_await std::move(running);
  if (answer.has_value()) co_return answer_of(*call, *answer, request);
  co_return refuse(request, answer.error(), call->service);
}

}  // namespace aurora_global::services
