// A call in one of AWS's protocols: its operation and input by the service's model, its answer or
// refusal in the words of the same protocol.
#pragma once

#include <nlohmann/json.hpp>

#include "awsapi/service_model.h"
#include "net/http.h"
#include "services/json_protocol.h"

namespace aurora_global::services {

enum class Wire { query, json, cbor, rest };

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

net::HttpResponse answer_of(const Call& call, const nlohmann::json& output,
                            const net::HttpRequest& request);

// `error` in the protocol of `request`, with the name and the status that the service's model gives
// its code. `id` as request id; empty: a new one.
net::HttpResponse refuse(const net::HttpRequest& request, const Error& error,
                         const awsapi::ServiceModel* service = nullptr, std::string id = "");

// The code that `service` has for what Members found wrong with a value.
Error in_words_of(std::string_view service, Error error);

// Answers a call of `service` by a dispatch table: an array of pairs (name, function), where
// function(context..., Members) is a Task of the output. The context outlives the call.
template <typename Table, typename... Context>
net::Task<net::HttpResponse> serve_table(std::string_view service, const Table& table,
                                         net::HttpRequest request, Context&... context) {
  auto call = read_call(service, request);
  if (call.has_error()) co_return refuse(request, call.error(), awsapi::service_model(service));
  for (const auto& [name, function] : table) {
    if (name != call->operation->name) continue;
    auto running = function(context..., Members(std::move(call->input), service, name));
    const Result<nlohmann::json> answer = co_await std::move(running);
    if (answer.has_value()) co_return answer_of(*call, *answer, request);
    co_return refuse(request, in_words_of(service, answer.error()), call->service);
  }
  co_return refuse(request, unknown_operation(call->operation->name), call->service);
}

}  // namespace aurora_global::services
