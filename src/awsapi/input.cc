#include "awsapi/input.h"

#include <time.h>

#include <algorithm>
#include <boost/regex.hpp>
#include <charconv>
#include <cmath>
#include <map>

#include "awsapi/http_message.h"
#include "base/base64.h"

namespace aurora_global::awsapi {
namespace {

using nlohmann::json;

constexpr std::size_t kPatternTextMax = 8192;
constexpr double kSecondsMax = 253402300799;  // The year 9999.

Error wrong_type(const std::string& what) {
  return make_error(ErrorKind::invalid, what, "SerializationException");
}

std::string_view name_of(ShapeType type) {
  switch (type) {
    case ShapeType::structure: return "structure";
    case ShapeType::list: return "list";
    case ShapeType::map: return "map";
    case ShapeType::string: return "string";
    case ShapeType::blob: return "blob";
    case ShapeType::boolean: return "boolean";
    case ShapeType::integer: return "integer";
    case ShapeType::floating: return "number";
    case ShapeType::timestamp: return "timestamp";
  }
  return "value";
}

// AWS spells the members of a path in lower camel case.
std::string lower_camel(const std::string& path) {
  std::string out = path;
  for (std::size_t i = 0; i < out.size(); ++i) {
    if (i == 0 || out[i - 1] == '.') {
      out[i] = static_cast<char>(std::tolower(static_cast<unsigned char>(out[i])));
    }
  }
  return out;
}

// Where a value is. Its text is made only for a flaw: most requests have none, and many values.
struct Path {
  const Path* above = nullptr;
  std::string_view name;
  std::size_t number = 0;  // Of an element of a list; 0: it has a name.

  // Both must outlive it.
  Path below(std::string_view child) const { return {this, child, 0}; }
  Path below(std::size_t child) const { return {this, {}, child}; }

  std::string text() const {
    if (above == nullptr) return "";
    std::string all = above->text();
    if (!all.empty()) all += '.';
    return all += number == 0 ? std::string(name) : std::to_string(number);
  }
};

std::optional<double> number_in(const std::string& text) {
  double value = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (error != std::errc() || end != text.data() + text.size() || text.empty()) return std::nullopt;
  return value;
}

// "2026-01-31T12:00:00Z", with fractions and offsets, or seconds since 1970.
std::optional<double> time_in(const std::string& text) {
  std::tm utc{};
  const char* rest = strptime(text.c_str(), "%Y-%m-%dT%H:%M:%S", &utc);
  if (rest == nullptr) rest = strptime(text.c_str(), "%Y-%m-%dT%H:%M", &utc);
  if (rest == nullptr) return number_in(text);
  double seconds = static_cast<double>(timegm(&utc));
  if (*rest == '.') {
    const char* begin = rest++;
    while (std::isdigit(static_cast<unsigned char>(*rest)) != 0) ++rest;
    seconds += number_in("0" + std::string(begin, rest)).value_or(0);
  }
  if (*rest == '\0' || std::string_view(rest) == "Z") return seconds;
  int hours = 0, minutes = 0;
  if (std::sscanf(rest + 1, "%2d:%2d", &hours, &minutes) != 2) return std::nullopt;
  if (*rest != '+' && *rest != '-') return std::nullopt;
  const int offset = hours * 3600 + minutes * 60;
  return *rest == '+' ? seconds - offset : seconds + offset;
}

bool is_whole(double value) { return std::floor(value) == value && std::abs(value) < 9e15; }

// Reads values by their shapes, and notes what is wrong with them.
class InputReader {
 public:
  std::vector<Flaw> flaws;

  // Nobody is told of more: what is read from here on is read for nothing.
  bool full() const { return flaws.size() >= kFlawsMax; }

  void note(Flaw::Kind kind, const std::string& at, const std::string& sentence) {
    if (!full()) flaws.push_back({kind, at, sentence});
  }

  void constraint(Flaw::Kind kind, const Shape& shape, const json& value, const Path& path,
                  const std::string& rule) {
    if (full()) return;
    const std::string at = path.text();
    note(kind, at,
         "Value " + shown(shape, value) + " at '" + lower_camel(at) +
             "' failed to satisfy constraint: " + rule);
  }

  void check(const Shape& shape, const json& value, const Path& path) {
    switch (shape.type) {
      case ShapeType::string: return check_text(shape, value, path);
      case ShapeType::list:
      case ShapeType::map: return check_size(shape, value, static_cast<double>(value.size()), path);
      case ShapeType::blob: {
        const auto bytes = from_base64(value.get_ref<const std::string&>());
        return check_size(shape, value, bytes ? static_cast<double>(bytes->size()) : 0, path);
      }
      case ShapeType::integer:
      case ShapeType::floating: return check_number(shape, value, path);
      case ShapeType::structure:
      case ShapeType::boolean:
      case ShapeType::timestamp: return;
    }
  }

  void check_required(const Shape& shape, const json& object, const Path& path) {
    if (full()) return;
    for (const ShapeMember& member : shape.members) {
      if (!member.required || object.contains(member.name) ||
          member.location == Location::payload) {
        continue;
      }
      const std::string at = path.below(member.name).text();
      note(Flaw::Kind::missing, at,
           "Value null at '" + lower_camel(at) +
               "' failed to satisfy constraint: Member must not be null");
    }
  }

  // A scalar as text carries it: in a form, a header, a path.
  std::optional<json> scalar(const Shape& shape, const std::string& text, const Path& path) {
    const bool numeric = shape.type == ShapeType::integer || shape.type == ShapeType::floating;
    const auto number = numeric ? number_in(text) : std::nullopt;
    switch (shape.type) {
      case ShapeType::string: return json(text);
      case ShapeType::boolean:
        if (text == "true" || text == "True") return json(true);
        if (text == "false" || text == "False") return json(false);
        break;
      case ShapeType::integer:
        if (number && is_whole(*number)) return json(static_cast<std::int64_t>(*number));
        break;
      case ShapeType::floating:
        if (number && std::isfinite(*number)) return json(*number);
        break;
      case ShapeType::timestamp:
        if (const auto time = time_in(text); time && *time >= 0 && *time <= kSecondsMax) {
          return json(*time);
        }
        break;
      case ShapeType::blob:
        if (from_base64(text)) return json(text);
        break;
      case ShapeType::structure:
      case ShapeType::list:
      case ShapeType::map: break;
    }
    if (full()) return std::nullopt;
    const std::string at = path.text();
    note(Flaw::Kind::type, at,
         "The parameter " + at + " must be a " + std::string(name_of(shape.type)) +
             (shape.sensitive ? "" : "; given: " + awsapi::shown(text)));
    return std::nullopt;
  }

 private:
  static std::string shown(const Shape& shape, const json& value) {
    if (shape.sensitive) return "'***Sensitive***'";
    const std::string text = value.is_string()
                                 ? value.get<std::string>()
                                 : value.dump(-1, ' ', false, json::error_handler_t::replace);
    return "'" + awsapi::shown(text) + "'";
  }

  void check_size(const Shape& shape, const json& value, double size, const Path& path) {
    const bool too_short = shape.min && size < *shape.min;
    const bool too_long = shape.max && size > *shape.max;
    if (!too_short && !too_long) return;
    const auto limit = static_cast<std::int64_t>(too_short ? *shape.min : *shape.max);
    constraint(Flaw::Kind::length, shape, value, path,
               std::string("Member must have length ") + (too_short ? "greater" : "less") +
                   " than or equal to " + std::to_string(limit));
  }

  void check_text(const Shape& shape, const json& value, const Path& path) {
    const std::string& text = value.get_ref<const std::string&>();
    const auto is_start = [](char c) { return (static_cast<unsigned char>(c) & 0xC0) != 0x80; };
    check_size(shape, value, static_cast<double>(std::count_if(text.begin(), text.end(), is_start)),
               path);
    if (!shape.values.empty() &&
        std::find(shape.values.begin(), shape.values.end(), text) == shape.values.end()) {
      std::string all;
      for (const std::string& one : shape.values) all += (all.empty() ? "" : ", ") + one;
      constraint(Flaw::Kind::enumeration, shape, value, path,
                 "Member must satisfy enum value set: [" + all + "]");
    }
    if (shape.expression && !matches(*shape.expression, text)) {
      constraint(Flaw::Kind::pattern, shape, value, path,
                 "Member must satisfy regular expression pattern: " + shape.pattern);
    }
  }

  static bool matches(const boost::regex& expression, const std::string& text) {
    if (text.size() > kPatternTextMax) return true;  // Its length says what is wrong with it.
    try {
      return boost::regex_match(text, expression);
    } catch (const std::runtime_error&) {
      return false;  // Too much work, which no name of AWS's is.
    }
  }

  void check_number(const Shape& shape, const json& value, const Path& path) {
    const double number = value.get<double>();
    const bool too_small = shape.min && number < *shape.min;
    const bool too_large = shape.max && number > *shape.max;
    if (!too_small && !too_large) return;
    const auto limit = static_cast<std::int64_t>(too_small ? *shape.min : *shape.max);
    constraint(Flaw::Kind::range, shape, value, path,
               std::string("Member must have value ") + (too_small ? "greater" : "less") +
                   " than or equal to " + std::to_string(limit));
  }
};

// ---- documents

std::string kind_of(const json& value) {
  if (value.is_string()) return "STRING_VALUE";
  if (value.is_boolean()) return value.get<bool>() ? "TRUE_VALUE" : "FALSE_VALUE";
  if (value.is_number()) return "NUMBER_VALUE";
  if (value.is_array()) return "START_ARRAY";
  if (value.is_object()) return "START_OBJECT";
  return value.is_null() ? "NULL_VALUE" : "BINARY_VALUE";
}

Result<json> read_value(InputReader& reader, const Shape& shape, const json& value,
                        const Path& path, int depth);

Result<json> read_structure(InputReader& reader, const Shape& shape, const json& value,
                            const Path& path, int depth) {
  json object = json::object();
  for (const ShapeMember& member : shape.members) {
    const auto given = value.find(member.name);
    if (given == value.end() || given->is_null()) continue;
    TRY(object[member.name],
        read_value(reader, *member.shape, *given, path.below(member.name), depth + 1));
  }
  reader.check_required(shape, object, path);
  return object;
}

// Nullopt for a value of another type.
std::optional<json> scalar_of(const Shape& shape, const json& value) {
  switch (shape.type) {
    case ShapeType::string:
      if (value.is_string()) return value;
      break;
    case ShapeType::boolean:
      if (value.is_boolean()) return value;
      break;
    case ShapeType::integer:
      if (value.is_number_integer()) {
        if (value.is_number_unsigned() && value.get<std::uint64_t>() > INT64_MAX) break;
        return value;
      }
      if (value.is_number_float() && is_whole(value.get<double>())) {
        return json(static_cast<std::int64_t>(value.get<double>()));
      }
      break;
    case ShapeType::floating:
      if (value.is_number() && std::isfinite(value.get<double>())) return value;
      break;
    case ShapeType::timestamp: {
      std::optional<double> time;
      if (value.is_number()) time = value.get<double>();
      if (value.is_string()) time = time_in(value.get<std::string>());
      if (time && *time >= 0 && *time <= kSecondsMax) return json(*time);
      break;
    }
    case ShapeType::blob:
      if (value.is_string() && from_base64(value.get<std::string>())) return value;
      if (value.is_binary()) {
        const auto& bytes = value.get_binary();
        return json(base64({reinterpret_cast<const char*>(bytes.data()), bytes.size()}));
      }
      break;
    case ShapeType::structure:
    case ShapeType::list:
    case ShapeType::map: break;
  }
  return std::nullopt;
}

Error refusal_of(const Shape& shape, const json& value, const Path& path) {
  return wrong_type(kind_of(value) + " can not be converted to a " +
                    std::string(name_of(shape.type)) + " at '" + lower_camel(path.text()) + "'");
}

bool is_composed(const Shape& shape) {
  return shape.type == ShapeType::structure || shape.type == ShapeType::list ||
         shape.type == ShapeType::map;
}

Result<json> read_elements(InputReader& reader, const Shape& shape, const json& value,
                           const Path& path, int depth) {
  const Shape& inner = *shape.element;
  json list = json::array();
  list.get_ref<json::array_t&>().reserve(value.size());
  for (const json& one : value) {
    if (reader.full()) break;
    const Path at = path.below(list.size() + 1);
    if (is_composed(inner)) {
      TRY(json element, read_value(reader, inner, one, at, depth + 1));
      list.push_back(std::move(element));
      continue;
    }
    // The many: without a Result for each.
    auto element = scalar_of(inner, one);
    if (!element) return refusal_of(inner, one, at);
    reader.check(inner, *element, at);
    list.push_back(std::move(*element));
  }
  return list;
}

Result<json> read_value(InputReader& reader, const Shape& shape, const json& value,
                        const Path& path, int depth) {
  if (depth > kInputDepthMax) return wrong_type("The request is nested too deeply");
  json read;
  if (shape.type == ShapeType::structure && value.is_object()) {
    return read_structure(reader, shape, value, path, depth);
  }
  if (shape.type == ShapeType::list && value.is_array()) {
    TRY(read, read_elements(reader, shape, value, path, depth));
  } else if (shape.type == ShapeType::map && value.is_object()) {
    json map = json::object();
    for (const auto& [key, one] : value.items()) {
      if (one.is_null()) continue;
      if (reader.full()) break;
      reader.check(*shape.key, json(key), path.below("key"));
      TRY(map[key], read_value(reader, *shape.element, one, path.below(key), depth + 1));
    }
    read = std::move(map);
  } else {
    auto scalar = scalar_of(shape, value);
    if (!scalar) return refusal_of(shape, value, path);
    read = std::move(*scalar);
  }
  reader.check(shape, read, path);
  return read;
}

// ---- forms

// The parameters of a form as the tree that the dots in their names make.
struct Node {
  const std::string* value = nullptr;
  const std::string* name = nullptr;  // As given.
  std::map<std::string_view, Node> children;
};

// Views into the form's names. Names come in order, so that the next one shares most of its way
// with the one before.
std::optional<Node> tree_of(const Form& form, InputReader& reader) {
  Node root;
  std::vector<std::pair<std::string_view, Node*>> way;
  std::size_t nodes = 0;
  for (const auto& [name, value] : form) {
    Node* at = &root;
    std::size_t depth = 0;
    for (std::size_t begin = 0; begin <= name.size(); ++depth) {
      const auto dot = std::min(name.find('.', begin), name.size());
      const std::string_view part = std::string_view(name).substr(begin, dot - begin);
      begin = dot + 1;
      if (depth < way.size() && way[depth].first == part) {
        at = way[depth].second;
        continue;
      }
      if (depth >= kInputDepthMax || ++nodes > kFormNodesMax) {
        reader.note(Flaw::Kind::unknown, awsapi::shown(name),
                    "The parameter " + awsapi::shown(name) + " is not known");
        return std::nullopt;
      }
      way.resize(depth);
      at = &at->children.try_emplace(at->children.end(), part)->second;
      way.emplace_back(part, at);
    }
    at->value = &value;
    at->name = &name;
  }
  return root;
}

const std::string* first_name(const Node& node) {
  if (node.name != nullptr) return node.name;
  for (const auto& [key, child] : node.children) {
    if (const std::string* name = first_name(child)) return name;
  }
  return nullptr;
}

void unknown(InputReader& reader, const Node& node) {
  const std::string* name = first_name(node);
  if (name == nullptr) return;
  reader.note(Flaw::Kind::unknown, awsapi::shown(*name),
              "The parameter " + awsapi::shown(*name) +
                  " is not known for this operation, or contradicts another");
}

std::optional<json> read_node(InputReader& reader, const Shape& shape, const Node& node,
                              const Path& path);

json read_members(InputReader& reader, const Shape& shape, const Node& node, const Path& path) {
  json object = json::object();
  for (const auto& [name, child] : node.children) {
    const auto member = std::find_if(
        shape.members.begin(), shape.members.end(), [&, &key = name](const ShapeMember& one) {
          // A list without an element around it goes by the name of its elements.
          const bool elements = one.shape->flattened && one.shape->element_wire == key;
          return one.wire == key || one.name == key || elements;
        });
    if (member == shape.members.end()) {
      unknown(reader, child);
      continue;
    }
    auto value = read_node(reader, *member->shape, child, path.below(member->name));
    if (value) object[member->name] = std::move(*value);
  }
  reader.check_required(shape, object, path);
  return object;
}

// The children "1", "2", ... in that order; gaps close.
std::vector<const Node*> numbered(InputReader& reader, const Node& node) {
  std::vector<std::pair<std::uint64_t, const Node*>> found;
  found.reserve(node.children.size());
  for (const auto& [name, child] : node.children) {
    std::uint64_t number = 0;
    const auto [end, error] = std::from_chars(name.data(), name.data() + name.size(), number);
    const bool fine = error == std::errc() && end == name.data() + name.size() && number > 0;
    if (fine) {
      found.emplace_back(number, &child);
    } else {
      unknown(reader, child);
    }
  }
  const auto before = [](const auto& one, const auto& other) { return one.first < other.first; };
  std::stable_sort(found.begin(), found.end(), before);
  std::vector<const Node*> all;
  all.reserve(found.size());
  for (std::size_t i = 0; i < found.size(); ++i) {
    if (i > 0 && found[i].first == found[i - 1].first) {
      unknown(reader, *found[i].second);
    } else {
      all.push_back(found[i].second);
    }
  }
  return all;
}

// A list's elements lie below its element's name, "member" or, flattened, below the list itself.
const Node* elements_of(InputReader& reader, const Shape& shape, const Node& node,
                        std::string_view inner) {
  if (shape.flattened_in_forms) return &node;
  const Node* found = nullptr;
  for (const auto& [name, child] : node.children) {
    const bool fits = name == inner || name == "member";
    if (fits && found == nullptr) {
      found = &child;
    } else {
      unknown(reader, child);
    }
  }
  return found;
}

std::optional<json> read_list(InputReader& reader, const Shape& shape, const Node& node,
                              const Path& path) {
  json list = json::array();
  const Node* elements = elements_of(reader, shape, node, shape.element_wire);
  if (elements != nullptr && elements->value != nullptr && elements != &node) {
    unknown(reader, *elements);
  } else if (elements != nullptr) {
    for (const Node* child : numbered(reader, *elements)) {
      auto value = read_node(reader, *shape.element, *child, path.below(list.size() + 1));
      if (value) list.push_back(std::move(*value));
    }
  }
  return list;
}

std::optional<json> read_map(InputReader& reader, const Shape& shape, const Node& node,
                             const Path& path) {
  json map = json::object();
  const Node* entries = elements_of(reader, shape, node, "entry");
  if (entries == nullptr) return map;
  for (const Node* child : numbered(reader, *entries)) {
    const auto key = child->children.find(shape.key_wire);
    const auto value = child->children.find(shape.value_wire);
    if (key == child->children.end() || key->second.value == nullptr ||
        value == child->children.end()) {
      unknown(reader, *child);
      continue;
    }
    auto read = read_node(reader, *shape.element, value->second, path.below(*key->second.value));
    if (read) map[*key->second.value] = std::move(*read);
  }
  return map;
}

std::optional<json> read_node(InputReader& reader, const Shape& shape, const Node& node,
                              const Path& path) {
  // An empty list is sent as "Filters=".
  const bool fits = is_composed(shape) ? node.value == nullptr || node.value->empty()
                                       : node.value != nullptr && node.children.empty();
  if (!fits) {
    unknown(reader, node);
    return std::nullopt;
  }
  std::optional<json> value;
  if (shape.type == ShapeType::structure) return read_members(reader, shape, node, path);
  if (shape.type == ShapeType::list) {
    value = read_list(reader, shape, node, path);
  } else if (shape.type == ShapeType::map) {
    value = read_map(reader, shape, node, path);
  } else {
    value = reader.scalar(shape, *node.value, path);
  }
  if (value) reader.check(shape, *value, path);
  return value;
}

// ---- REST

std::vector<std::string_view> segments(std::string_view path) {
  std::vector<std::string_view> all;
  while (!path.empty()) {
    path.remove_prefix(1);  // The slash.
    const auto end = std::min(path.find('/'), path.size());
    all.push_back(path.substr(0, end));
    path.remove_prefix(end);
  }
  // AWS's SDKs disagree about a slash at the end.
  if (!all.empty() && all.back().empty()) all.pop_back();
  return all;
}

bool is_label(std::string_view segment) { return !segment.empty() && segment.front() == '{'; }

bool fits(const OperationModel& operation, const RestRequest& request) {
  if (operation.method != request.method || request.path.empty() || request.path[0] != '/') {
    return false;
  }
  const auto wanted = segments(operation.path);
  const auto given = segments(request.path);
  return std::equal(wanted.begin(), wanted.end(), given.begin(), given.end(),
                    [](std::string_view one, std::string_view other) {
                      return is_label(one) ? !other.empty() : one == other;
                    });
}

// What the request says about a member: once, or, of a list in the query, several times.
std::vector<std::string> texts_of(const ShapeMember& member, const OperationModel& operation,
                                  const RestRequest& request) {
  std::vector<std::string> texts;
  if (member.location == Location::header) {
    std::string value = header(*request.headers, member.wire);
    if (!value.empty()) texts.push_back(std::move(value));
  }
  if (member.location == Location::query) {
    for (const auto& [name, value] : *request.query) {
      if (name == member.wire) texts.push_back(value);
    }
  }
  if (member.location != Location::label) return texts;
  const auto wanted = segments(operation.path);
  const auto given = segments(request.path);
  for (std::size_t i = 0; i < wanted.size(); ++i) {
    if (wanted[i] == "{" + member.wire + "}") texts.push_back(percent_decode(given[i]));
  }
  return texts;
}

json read_texts(InputReader& reader, const Shape& element, const std::vector<std::string>& texts,
                const Path& path) {
  json list = json::array();
  for (const std::string& text : texts) {
    const Path at = path.below(list.size() + 1);
    auto value = reader.scalar(element, text, at);
    if (!value) continue;
    reader.check(element, *value, at);
    list.push_back(std::move(*value));
  }
  return list;
}

}  // namespace

Result<Input> read_document(const Shape& shape, const json& document) {
  if (!document.is_object()) return wrong_type("The request body is no object");
  InputReader reader;
  TRY(json object, read_value(reader, shape, document, Path(), 0));
  return Input{std::move(object), std::move(reader.flaws)};
}

Input read_form(const Shape& shape, const Form& form) {
  InputReader reader;
  Input input;
  if (const auto root = tree_of(form, reader)) {
    input.object = read_members(reader, shape, *root, Path());
  }
  input.flaws = std::move(reader.flaws);
  return input;
}

const OperationModel* route(const ServiceModel& service, const RestRequest& request) {
  for (const OperationModel& operation : service.operations) {
    if (fits(operation, request)) return &operation;
  }
  return nullptr;
}

bool has_document(const OperationModel& operation) {
  return operation.input != nullptr &&
         std::any_of(operation.input->members.begin(), operation.input->members.end(),
                     [](const ShapeMember& one) { return one.location == Location::body; });
}

Result<Input> read_rest(const OperationModel& operation, const RestRequest& request,
                        const json& document) {
  InputReader reader;
  const Path path;
  Input input;
  for (const ShapeMember& member : operation.input->members) {
    const Path at = path.below(member.name);
    if (member.location == Location::body) {
      const auto given = document.find(member.wire);
      if (given == document.end() || given->is_null()) continue;
      TRY(input.object[member.name], read_value(reader, *member.shape, *given, at, 1));
      continue;
    }
    const auto texts = texts_of(member, operation, request);
    if (texts.empty()) continue;
    std::optional<json> value;
    if (member.shape->type == ShapeType::list) {
      value = read_texts(reader, *member.shape->element, texts, at);
    } else {
      if (texts.size() > 1) return given_twice(member.wire);
      value = reader.scalar(*member.shape, texts[0], at);
    }
    if (!value) continue;
    reader.check(*member.shape, *value, at);
    input.object[member.name] = std::move(*value);
  }
  reader.check_required(*operation.input, input.object, path);
  input.flaws = std::move(reader.flaws);
  return input;
}

std::string sentence_of(const std::vector<Flaw>& flaws) {
  std::string all = std::to_string(flaws.size()) + " validation error" +
                    (flaws.size() == 1 ? "" : "s") + " detected: ";
  for (std::size_t i = 0; i < flaws.size(); ++i) all += (i == 0 ? "" : "; ") + flaws[i].sentence;
  return all;
}

}  // namespace aurora_global::awsapi
