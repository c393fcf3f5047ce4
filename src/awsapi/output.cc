#include "awsapi/output.h"

#include <cmath>

#include "base/clock.h"

namespace aurora_global::awsapi {
namespace {

using nlohmann::json;

std::string time_text(double seconds) {
  return iso8601(WallTime(std::chrono::microseconds(std::llround(seconds * 1e6))));
}

// Each entry in an element of the name `entry`.
void write_map(XmlWriter& xml, const std::string& entry, const Shape& shape, const json& value) {
  for (const auto& [key, one] : value.items()) {
    xml.open(entry);
    xml.element(shape.key_wire, key);
    write_xml(xml, shape.value_wire, *shape.element, one);
    xml.close();
  }
}

}  // namespace

void write_members(XmlWriter& xml, const Shape& shape, const json& value) {
  for (const ShapeMember& member : shape.members) {
    const auto found = value.find(member.name);
    if (member.location != Location::body || found == value.end() || found->is_null()) continue;
    write_xml(xml, member.wire, *member.shape, *found);
  }
}

void write_xml(XmlWriter& xml, const std::string& name, const Shape& shape, const json& value) {
  // Without an element around them all.
  if (shape.flattened && shape.type == ShapeType::map && value.is_object()) {
    write_map(xml, name, shape, value);
  } else if (shape.flattened && shape.type == ShapeType::list && value.is_array()) {
    const bool named = shape.element_wire != "member";
    for (const json& one : value) {
      write_xml(xml, named ? shape.element_wire : name, *shape.element, one);
    }
  } else if (value.is_object() || value.is_array()) {
    xml.open(name);
    if (shape.type == ShapeType::structure) write_members(xml, shape, value);
    if (shape.type == ShapeType::map) write_map(xml, "entry", shape, value);
    if (shape.type == ShapeType::list) {
      for (const json& one : value) write_xml(xml, shape.element_wire, *shape.element, one);
    }
    xml.close();
  } else if (shape.type == ShapeType::timestamp) {
    xml.element(name, time_text(value.get<double>()));
  } else if (value.is_boolean()) {
    xml.element(name, value.get<bool>());
  } else if (value.is_number_integer()) {
    xml.element(name, std::to_string(value.get<std::int64_t>()));
  } else if (value.is_number()) {
    xml.element(name, value.get<double>());
  } else if (value.is_string()) {
    xml.element(name, value.get_ref<const std::string&>());
  }
}

json rest_document(const Shape& shape, const json& output) {
  json document = json::object();
  for (const auto& [name, value] : output.items()) {
    const ShapeMember* member = shape.member(name);
    if (value.is_null() || (member != nullptr && member->location != Location::body)) continue;
    document[member == nullptr ? name : member->wire] = value;
  }
  return document;
}

int rest_status(const OperationModel& operation, const json& output) {
  if (operation.output == nullptr) return operation.status;
  for (const ShapeMember& member : operation.output->members) {
    const auto given = output.find(member.name);
    if (member.location == Location::status && given != output.end()) return given->get<int>();
  }
  return operation.status;
}

const OperationError* error_of(const ServiceModel& service, const std::string& code) {
  for (const OperationModel& operation : service.operations) {
    for (const OperationError& error : operation.errors) {
      if (error.code == code || error.shape == code) return &error;
    }
  }
  return nullptr;
}

}  // namespace aurora_global::awsapi
