#include "awsapi/rest_xml.h"

#include <time.h>

#include <algorithm>
#include <charconv>
#include <cmath>
#include <pugixml.hpp>

#include "awsapi/input.h"
#include "awsapi/output.h"

namespace aurora_global::awsapi {
namespace {

using nlohmann::json;

constexpr double kHttpSecondsMax = 253402300799;  // The year 9999.

Error malformed_xml() {
  return make_error(ErrorKind::invalid,
                    "The XML you provided was not well-formed or did not validate against our "
                    "published schema",
                    "MalformedXML");
}

// ---- which operation

// "/{Bucket}/{Key+}?uploads" -> its path, and what the query has to say.
struct Template {
  std::string_view path;
  Form literals;
};

Template template_of(const OperationModel& operation) {
  const std::string_view text = operation.path;
  const auto question = text.find('?');
  Template made{text.substr(0, question), {}};
  if (question == std::string_view::npos) return made;
  std::string_view rest = text.substr(question + 1);
  while (!rest.empty()) {
    const auto end = std::min(rest.find('&'), rest.size());
    const std::string_view part = rest.substr(0, end);
    const auto equals = std::min(part.find('='), part.size());
    made.literals[std::string(part.substr(0, equals))] =
        part.substr(std::min(equals + 1, part.size()));
    rest.remove_prefix(std::min(end + 1, rest.size()));
  }
  return made;
}

using Labels = std::map<std::string, std::string, std::less<>>;

// What the labels of a path are; nullopt for another path. A greedy label takes the rest.
std::optional<Labels> labels_of(std::string_view pattern, std::string_view path) {
  Labels labels;
  while (!pattern.empty()) {
    if (path.empty() || path.front() != '/') return std::nullopt;
    pattern.remove_prefix(1);
    path.remove_prefix(1);
    const auto end = std::min(pattern.find('/'), pattern.size());
    std::string_view name = pattern.substr(0, end);
    pattern.remove_prefix(end);
    if (name.empty()) continue;
    const bool greedy = name.ends_with("+}");
    const auto size = greedy ? path.size() : std::min(path.find('/'), path.size());
    if (size == 0) return std::nullopt;
    name = name.substr(1, name.size() - (greedy ? 3 : 2));
    labels[std::string(name)] = path.substr(0, size);
    path.remove_prefix(size);
  }
  if (path.empty() || path == "/") return labels;
  return std::nullopt;
}

bool is_in(const ShapeMember& member, const RestXmlRequest& request) {
  if (member.location == Location::query) return request.query.contains(member.wire);
  return !header(*request.headers, member.wire).empty();
}

// How much of a request an operation asks for; -1: it is not this one.
int fit_of(const OperationModel& operation, const RestXmlRequest& request) {
  if (operation.method != request.method) return -1;
  const Template made = template_of(operation);
  if (!labels_of(made.path, request.path)) return -1;
  int fit = 0;
  for (const auto& [name, value] : made.literals) {
    const auto given = request.query.find(name);
    if (given == request.query.end() || (!value.empty() && given->second != value)) return -1;
    ++fit;
  }
  if (operation.input == nullptr) return fit;
  for (const ShapeMember& member : operation.input->members) {
    const bool asked = member.required &&
                       (member.location == Location::query || member.location == Location::header);
    if (!asked) continue;
    if (!is_in(member, request)) return -1;
    ++fit;
  }
  return fit;
}

// ---- requests

std::optional<double> number_of(const std::string& text) {
  double value = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (error != std::errc() || end != text.data() + text.size() || !std::isfinite(value)) {
    return std::nullopt;
  }
  return value;
}

// A scalar as a header, the query or an element has it.
Result<json> scalar_of(const ShapeMember& member, const Shape& shape, const std::string& text) {
  switch (shape.type) {
    case ShapeType::boolean:
      if (text == "true" || text == "True" || text == "TRUE") return json(true);
      if (text == "false" || text == "False" || text == "FALSE") return json(false);
      break;
    case ShapeType::integer:
      if (const auto number = number_of(text);
          number && std::floor(*number) == *number && std::abs(*number) < 9e15) {
        return json(static_cast<std::int64_t>(*number));
      }
      break;
    case ShapeType::floating:
      if (const auto number = number_of(text)) return json(*number);
      break;
    case ShapeType::timestamp:
      // S3 passes over a date that is none.
      if (const auto time = parse_http_time(text)) return json(*time);
      return json(text.size() > 20 ? json(nullptr) : json(text));
    case ShapeType::string:
    case ShapeType::blob:
    case ShapeType::structure:
    case ShapeType::list:
    case ShapeType::map: return json(text);
  }
  return make_error(ErrorKind::invalid,
                    "Provided " + member.wire + " is no valid value: " + shown(text),
                    "InvalidArgument");
}

Result<json> value_in(const ShapeMember& member, const Shape& shape, pugi::xml_node node,
                      int depth);

Result<json> list_in(const ShapeMember& member, const Shape& shape, pugi::xml_node parent,
                     int depth) {
  json list = json::array();
  const std::string& name = shape.flattened ? member.wire : shape.element_wire;
  const pugi::xml_node from = shape.flattened ? parent : parent.child(member.wire.c_str());
  for (const pugi::xml_node& one : from.children(name.c_str())) {
    TRY(json value, value_in(member, *shape.element, one, depth + 1));
    list.push_back(std::move(value));
  }
  return list;
}

Result<json> structure_in(const Shape& shape, pugi::xml_node node, int depth) {
  if (depth > kXmlDepthMax) return malformed_xml();
  json object = json::object();
  for (const ShapeMember& member : shape.members) {
    const pugi::xml_node child = node.child(member.wire.c_str());
    if (!child) continue;
    if (member.shape->type == ShapeType::list) {
      TRY(object[member.name], list_in(member, *member.shape, node, depth));
    } else {
      TRY(object[member.name], value_in(member, *member.shape, child, depth + 1));
    }
  }
  return object;
}

Result<json> value_in(const ShapeMember& member, const Shape& shape, pugi::xml_node node,
                      int depth) {
  if (shape.type == ShapeType::structure) return structure_in(shape, node, depth);
  auto value = scalar_of(member, shape, node.text().get());
  if (value.has_error()) return malformed_xml();
  return value;
}

Result<json> payload_in(const ShapeMember& member, std::string_view body) {
  if (member.shape->type == ShapeType::string) return json(std::string(body));
  if (body.size() > kXmlBytesMax) return malformed_xml();
  pugi::xml_document document;
  const auto parsed = document.load_buffer(body.data(), body.size());
  const pugi::xml_node root = document.document_element();
  if (!parsed || root.name() != member.wire) return malformed_xml();
  return structure_in(*member.shape, root, 0);
}

json prefixed(const Headers& headers, const std::string& prefix) {
  json found = json::object();
  for (const auto& [name, value] : headers) {
    const std::string plain = lower(name);
    if (plain.starts_with(prefix) && plain.size() > prefix.size()) {
      found[plain.substr(prefix.size())] = value;
    }
  }
  return found;
}

json split_list(const std::string& text) {
  json list = json::array();
  for (std::size_t at = 0; at <= text.size();) {
    const auto end = std::min(text.find(',', at), text.size());
    const auto first = text.find_first_not_of(' ', at);
    if (first < end) list.push_back(text.substr(first, end - first));
    at = end + 1;
  }
  return list;
}

// The text of a member outside of the body, if there is one.
std::optional<std::string> text_outside(const ShapeMember& member, const RestXmlRequest& request,
                                        const Labels& labels) {
  if (member.location == Location::label) {
    const auto found = labels.find(member.wire);
    return found == labels.end() ? std::nullopt : std::optional(found->second);
  }
  if (member.location == Location::query) {
    const auto found = request.query.find(member.wire);
    return found == request.query.end() ? std::nullopt : std::optional(found->second);
  }
  if (member.location != Location::header) return std::nullopt;
  const std::string value = header(*request.headers, member.wire);
  return value.empty() ? std::nullopt : std::optional(value);
}

// ---- answers

std::string text_in(const Shape& shape, const json& value) {
  if (shape.type == ShapeType::timestamp && value.is_number()) {
    return http_time(value.get<double>());
  }
  return value.is_string() ? value.get<std::string>() : value.dump();
}

}  // namespace

std::string http_time(double seconds) {
  const auto whole = static_cast<std::time_t>(std::floor(seconds));
  std::tm utc{};
  gmtime_r(&whole, &utc);
  char text[40];
  std::strftime(text, sizeof text, "%a, %d %b %Y %H:%M:%S GMT", &utc);
  return text;
}

std::optional<double> parse_http_time(const std::string& text) {
  std::tm utc{};
  const char* end = strptime(text.c_str(), "%a, %d %b %Y %H:%M:%S GMT", &utc);
  if (end == nullptr || *end != '\0') return std::nullopt;
  const auto seconds = static_cast<double>(timegm(&utc));
  if (seconds < 0 || seconds > kHttpSecondsMax) return std::nullopt;
  return seconds;
}

const OperationModel* route_rest_xml(const ServiceModel& service, const RestXmlRequest& request) {
  const OperationModel* best = nullptr;
  int most = -1;
  for (const OperationModel& operation : service.operations) {
    const int fit = fit_of(operation, request);
    if (fit > most) {
      most = fit;
      best = &operation;
    }
  }
  return best;
}

bool has_bytes(const OperationModel& operation) {
  if (operation.input == nullptr) return false;
  return std::any_of(operation.input->members.begin(), operation.input->members.end(),
                     [](const ShapeMember& member) {
                       return member.location == Location::payload &&
                              member.shape->type == ShapeType::blob;
                     });
}

Result<json> read_rest_xml(const OperationModel& operation, const RestXmlRequest& request,
                           std::string_view body) {
  json input = json::object();
  if (operation.input == nullptr) return input;
  const auto labels = labels_of(template_of(operation).path, request.path).value_or(Labels());
  for (const ShapeMember& member : operation.input->members) {
    if (member.location == Location::headers) {
      json found = prefixed(*request.headers, member.wire);
      if (!found.empty()) input[member.name] = std::move(found);
      continue;
    }
    if (member.location == Location::payload && member.shape->type != ShapeType::blob) {
      if (body.empty() && !member.required) continue;
      if (body.empty()) {
        return make_error(ErrorKind::invalid, "Request Body is empty", "MissingRequestBodyError");
      }
      TRY(input[member.name], payload_in(member, body));
      continue;
    }
    const auto text = text_outside(member, request, labels);
    if (!text) continue;
    if (member.shape->type == ShapeType::list) {
      input[member.name] = split_list(*text);
      continue;
    }
    TRY(json value, scalar_of(member, *member.shape, *text));
    if (!value.is_null()) input[member.name] = std::move(value);
  }
  return input;
}

RestXmlAnswer write_rest_xml(const ServiceModel& service, const OperationModel& operation,
                             const std::string& root, const json& output) {
  RestXmlAnswer answer;
  answer.status = operation.status;
  if (operation.output == nullptr) return answer;
  bool in_body = false, payload = false;
  for (const ShapeMember& member : operation.output->members) {
    in_body = in_body || member.location == Location::body;
    payload = payload || member.location == Location::payload;
    const auto found = output.find(member.name);
    if (found == output.end() || found->is_null()) continue;
    if (member.location == Location::header) {
      answer.headers.emplace_back(member.wire, text_in(*member.shape, *found));
    } else if (member.location == Location::headers) {
      for (const auto& [name, value] : found->items()) {
        answer.headers.emplace_back(member.wire + name, value.get<std::string>());
      }
    } else if (member.location == Location::payload && member.shape->type == ShapeType::structure) {
      XmlWriter xml(member.wire, service.xml_namespace);
      write_members(xml, *member.shape, *found);
      answer.body = xml.finish();
      answer.xml = true;
    } else if (member.location == Location::payload && found->is_string()) {
      answer.body = found->get<std::string>();
    }
  }
  if (in_body && !payload) {
    XmlWriter xml(root, service.xml_namespace);
    write_members(xml, *operation.output, output);
    answer.body = xml.finish();
    answer.xml = true;
  }
  return answer;
}

}  // namespace aurora_global::awsapi
