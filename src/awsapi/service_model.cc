#include "awsapi/service_model.h"

#include <algorithm>
#include <boost/regex.hpp>
#include <map>
#include <nlohmann/json.hpp>

#include "awsapi/models_data.h"
#include "base/check.h"
#include "base/json.h"

namespace aurora_global::awsapi {
namespace {

using nlohmann::json;

ShapeType type_named(const std::string& name) {
  static const std::map<std::string, ShapeType> kTypes = {{"structure", ShapeType::structure},
                                                          {"list", ShapeType::list},
                                                          {"map", ShapeType::map},
                                                          {"string", ShapeType::string},
                                                          {"blob", ShapeType::blob},
                                                          {"boolean", ShapeType::boolean},
                                                          {"integer", ShapeType::integer},
                                                          {"long", ShapeType::integer},
                                                          {"float", ShapeType::floating},
                                                          {"double", ShapeType::floating},
                                                          {"timestamp", ShapeType::timestamp}};
  return kTypes.at(name);
}

Location location_named(const std::string& name) {
  if (name == "header") return Location::header;
  if (name == "headers") return Location::headers;
  if (name == "querystring") return Location::query;
  if (name == "uri") return Location::label;
  if (name == "statusCode") return Location::status;
  return Location::body;
}

// A pattern that this library does not read is about Unicode, and allows nearly every text.
std::shared_ptr<boost::regex> compiled(const std::string& pattern) {
  const bool unicode =
      pattern.find("\\u") != std::string::npos || pattern.find("\\p{") != std::string::npos;
  if (pattern.empty() || unicode) return nullptr;
  try {
    return std::make_shared<boost::regex>(pattern, boost::regex::perl);
  } catch (const boost::regex_error&) {
    return nullptr;
  }
}

class ModelReader {
 public:
  explicit ModelReader(const json& data) : data_(data) {}

  std::unique_ptr<ServiceModel> read(std::string_view name) {
    model_->name = name;
    data_.at("version").get_to(model_->version);
    data_.at("namespace").get_to(model_->xml_namespace);
    data_.at("target").get_to(model_->target);
    data_.at("json").get_to(model_->json_version);
    data_.at("protocols").at(0).get_to(model_->protocol);
    for (const auto& [shape, about] : data_.at("shapes").items()) {
      model_->shapes.push_back(std::make_unique<Shape>());
      model_->shapes.back()->name = shape;
      by_name_[shape] = model_->shapes.back().get();
    }
    for (const auto& [shape, about] : data_.at("shapes").items()) fill(*by_name_.at(shape), about);
    for (const auto& [operation, about] : data_.at("operations").items()) {
      model_->operations.push_back(read_operation(operation, about));
    }
    return std::move(model_);
  }

 private:
  const Shape* named(const json& about, const char* member) const {
    return about.contains(member) ? by_name_.at(about[member].get<std::string>()) : nullptr;
  }

  void fill(Shape& shape, const json& about) {
    shape.type = type_named(about.at("t").get<std::string>());
    shape.flattened = about.value("f", false);
    shape.flattened_in_forms = shape.flattened || about.value("qf", false);
    shape.sensitive = about.value("x", false);
    shape.pattern = about.value("p", "");
    shape.expression = compiled(shape.pattern);
    shape.values = about.value("e", std::vector<std::string>());
    if (about.contains("min")) shape.min = about["min"].get<double>();
    if (about.contains("max")) shape.max = about["max"].get<double>();
    if (shape.type == ShapeType::structure) return fill_members(shape, about);
    if (shape.type == ShapeType::list) {
      shape.element = named(about.at("m"), "s");
      shape.element_wire = about["m"].value("n", "member");
    }
    if (shape.type == ShapeType::map) {
      shape.key = named(about.at("k"), "s");
      shape.element = named(about.at("v"), "s");
      shape.key_wire = about["k"].value("n", "key");
      shape.value_wire = about["v"].value("n", "value");
    }
  }

  void fill_members(Shape& shape, const json& about) {
    const auto required = about.value("r", std::vector<std::string>());
    const std::string payload = about.value("payload", "");
    for (const auto& [name, member] : about.at("m").items()) {
      ShapeMember made;
      made.name = name;
      made.wire = member.value("n", name);
      made.shape = named(member, "s");
      made.location = name == payload ? Location::payload : location_named(member.value("l", ""));
      made.required = std::find(required.begin(), required.end(), name) != required.end();
      shape.members.push_back(std::move(made));
    }
  }

  OperationModel read_operation(const std::string& name, const json& about) const {
    OperationModel operation;
    operation.name = name;
    operation.method = about.at("http").at(0).get<std::string>();
    operation.path = about.at("http").at(1).get<std::string>();
    operation.input = named(about, "in");
    operation.output = named(about, "out");
    operation.wrapper = about.value("wrap", "");
    operation.status = about.value("status", 200);
    const json errors = about.value("errors", json::object());
    for (const auto& [shape, facts] : errors.items()) {
      operation.errors.push_back({shape, facts.at(0).get<std::string>(), facts.at(1).get<int>()});
    }
    return operation;
  }

  const json& data_;
  std::unique_ptr<ServiceModel> model_ = std::make_unique<ServiceModel>();
  std::map<std::string, Shape*> by_name_;
};

}  // namespace

const ShapeMember* Shape::member(std::string_view wanted) const {
  const auto found = std::find_if(members.begin(), members.end(),
                                  [&](const ShapeMember& one) { return one.name == wanted; });
  return found == members.end() ? nullptr : &*found;
}

const OperationModel* ServiceModel::operation(std::string_view wanted) const {
  const auto found = std::find_if(operations.begin(), operations.end(),
                                  [&](const OperationModel& one) { return one.name == wanted; });
  return found == operations.end() ? nullptr : &*found;
}

const ServiceModel* service_model(std::string_view name) {
  static std::map<std::string_view, std::unique_ptr<ServiceModel>> read;
  const auto known = read.find(name);
  if (known != read.end()) return known->second.get();
  for (const auto& [service, text] : kModels) {
    if (service != name) continue;
    const json data = parse_json(text);
    return (read[service] = ModelReader(data).read(service)).get();
  }
  return nullptr;
}

}  // namespace aurora_global::awsapi
