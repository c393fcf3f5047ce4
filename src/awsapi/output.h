// From an operation's output as JSON to the XML of the Query protocol, by AWS's models. Pure.
#pragma once

#include <nlohmann/json.hpp>

#include "awsapi/query.h"
#include "awsapi/service_model.h"

namespace aurora_global::awsapi {

// Writes <name> with `value` in it: members in the order of their names, lists with their elements'
// names, maps as entries, timestamps (seconds) in ISO 8601.
void write_xml(XmlWriter& xml, const std::string& name, const Shape& shape,
               const nlohmann::json& value);

// What is in it, of a structure: the members that travel in the body.
void write_members(XmlWriter& xml, const Shape& shape, const nlohmann::json& value);

// The document that a REST answer carries: the members under their names on the way, without those
// that travel elsewhere.
nlohmann::json rest_document(const Shape& shape, const nlohmann::json& output);
// The status of a REST answer: what the output says of it, or the operation's own.
int rest_status(const OperationModel& operation, const nlohmann::json& output);

// The error of a service that has this code in the Query protocol ("InvalidParameterValue") or this
// shape in the others ("InvalidParameterValueException"); nullptr if none of its operations has it.
const OperationError* error_of(const ServiceModel& service, const std::string& code);

}  // namespace aurora_global::awsapi
