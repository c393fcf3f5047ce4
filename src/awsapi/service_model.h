// AWS's own models of the services a region serves: operations, shapes, constraints, errors.
//
// The data is in models/*.json, which tools/aws_models.py makes from botocore's; it is read when a
// service is asked for the first time. What is returned lives as long as the process.
#pragma once

#include <boost/regex_fwd.hpp>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace aurora_global::awsapi {

enum class ShapeType { structure, list, map, string, blob, boolean, integer, floating, timestamp };

struct Shape;

// Where a member travels in a REST protocol; `headers` are those that begin with its name.
enum class Location { body, header, headers, query, label, payload, status };

struct ShapeMember {
  std::string name;
  std::string wire;  // Its name on the way.
  const Shape* shape = nullptr;
  Location location = Location::body;
  bool required = false;
};

struct Shape {
  std::string name;
  ShapeType type = ShapeType::string;
  std::vector<ShapeMember> members;  // Of a structure.
  const Shape* element = nullptr;    // Of a list; the value of a map.
  const Shape* key = nullptr;        // Of a map.
  std::string element_wire;          // Of a list's element in Query and XML; "member" by default.
  std::string key_wire = "key", value_wire = "value";  // Of a map's entries, the same way.
  bool flattened = false;
  bool flattened_in_forms = false;  // Of a list in the Query protocol of EC2.
  bool sensitive = false;
  std::vector<std::string> values;  // Of an enumeration.
  std::optional<double> min, max;   // Of a value, a length or a size.
  std::string pattern;
  std::shared_ptr<boost::regex> expression;  // Null: no pattern, or one that says nothing here.

  const ShapeMember* member(std::string_view name) const;
};

struct OperationError {
  std::string shape;  // "InvalidParameterValueException": what the JSON protocols say.
  std::string code;   // "InvalidParameterValue": what the Query protocol says.
  int status = 400;
};

struct OperationModel {
  std::string name;
  std::string method, path;  // "/2015-03-31/functions/{FunctionName}/invocations".
  int status = 200;          // Of success.
  const Shape* input = nullptr;
  const Shape* output = nullptr;
  std::string wrapper;  // Of the result in the Query protocol.
  std::vector<OperationError> errors;
};

struct ServiceModel {
  std::string name;  // In a credential scope: "rds", "monitoring".
  std::string version, xml_namespace, target, json_version;
  std::string protocol;  // The first of those that the model names: "query", "rest-xml", "ec2".
  std::vector<OperationModel> operations;
  std::vector<std::unique_ptr<Shape>> shapes;

  const OperationModel* operation(std::string_view name) const;
};

// Nullptr for a service that has no model here.
const ServiceModel* service_model(std::string_view name);

}  // namespace aurora_global::awsapi
