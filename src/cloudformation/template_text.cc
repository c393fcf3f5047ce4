#include "cloudformation/template_text.h"

#include <yaml-cpp/eventhandler.h>
#include <yaml-cpp/exceptions.h>
#include <yaml-cpp/mark.h>
#include <yaml-cpp/parser.h>

#include <algorithm>
#include <charconv>
#include <sstream>

#include "awsapi/http_message.h"
#include "cloudformation/errors.h"
#include "cloudformation/limits.h"
#include "cloudformation/tree_builder.h"

namespace aurora_global::cloudformation {
namespace {

using nlohmann::json;

std::string place(std::size_t line, std::size_t column) {
  return "(line " + std::to_string(line) + ", column " + std::to_string(column) + ")";
}

// What nlohmann's parser meets. It is not recursive, so only the tree has to be bounded.
class JsonEvents : public nlohmann::json_sax<json> {
 public:
  bool null() override { return tree.value(nullptr); }
  bool boolean(bool value) override { return tree.value(value); }
  bool number_integer(number_integer_t value) override { return tree.value(value); }
  bool number_unsigned(number_unsigned_t value) override { return tree.value(value); }
  bool number_float(number_float_t value, const string_t&) override { return tree.value(value); }
  bool string(string_t& value) override { return tree.value(std::move(value)); }
  bool binary(binary_t&) override { return false; }
  bool start_object(std::size_t) override { return tree.open(json::object()); }
  bool key(string_t& name) override { return tree.key(std::move(name)); }
  bool end_object() override { return tree.close(); }
  bool start_array(std::size_t) override { return tree.open(json::array()); }
  bool end_array() override { return tree.close(); }
  bool parse_error(std::size_t position, const std::string&,
                   const nlohmann::detail::exception&) override {
    error_at = position;
    return false;
  }

  TreeBuilder tree;
  std::size_t error_at = 0;  // Bytes read when it was no JSON.
};

Result<json> read_json(std::string_view text) {
  JsonEvents events;
  if (json::sax_parse(text, &events)) return events.tree.take();
  if (!events.tree.problem().empty()) return format_error(events.tree.problem());
  const std::string_view before = text.substr(0, events.error_at == 0 ? 0 : events.error_at - 1);
  const auto line = static_cast<std::size_t>(std::count(before.begin(), before.end(), '\n'));
  const std::size_t last = before.rfind('\n');
  const std::size_t column = last == before.npos ? before.size() : before.size() - last - 1;
  return format_error("JSON not well-formed. " + place(line + 1, column + 1));
}

// A number as YAML 1.1 writes it in decimal. Nullopt for anything else, and for leading zeros.
std::optional<json> number_in(const std::string& text) {
  const char* begin = text.data();
  const char* const end = begin + text.size();
  if (text.empty() || text.size() > 40) return std::nullopt;
  const char* digits = begin + (*begin == '-' || *begin == '+' ? 1 : 0);
  if (digits == end || (*digits != '.' && (*digits < '0' || *digits > '9'))) return std::nullopt;
  if (*digits == '0' && digits + 1 != end && digits[1] != '.') return std::nullopt;
  if (*begin == '+') ++begin;
  std::int64_t whole = 0;
  const auto as_whole = std::from_chars(begin, end, whole);
  if (as_whole.ec == std::errc() && as_whole.ptr == end) return json(whole);
  double real = 0;
  const auto as_real = std::from_chars(begin, end, real);
  if (as_real.ec == std::errc() && as_real.ptr == end) return json(real);
  return std::nullopt;
}

// The value of a scalar without quotes or a tag.
json plain_value(const std::string& text) {
  constexpr std::string_view kTrue[] = {"true", "True", "TRUE", "yes", "Yes",
                                        "YES",  "on",   "On",   "ON"};
  constexpr std::string_view kFalse[] = {"false", "False", "FALSE", "no", "No",
                                         "NO",    "off",   "Off",   "OFF"};
  if (std::find(std::begin(kTrue), std::end(kTrue), text) != std::end(kTrue)) return true;
  if (std::find(std::begin(kFalse), std::end(kFalse), text) != std::end(kFalse)) return false;
  if (const auto number = number_in(text)) return *number;
  return text;
}

constexpr std::string_view kYamlTag = "tag:yaml.org,2002:";
constexpr std::string_view kTakenTags[] = {"str", "int", "float", "bool", "null", "map", "seq"};

// What yaml-cpp's parser meets. Its own recursion ends at 500 levels. It goes on after a refusal,
// which the tree remembers.
class YamlEvents : public YAML::EventHandler {
 public:
  void OnDocumentStart(const YAML::Mark&) override {}
  void OnDocumentEnd() override {}
  void OnNull(const YAML::Mark& mark, YAML::anchor_t) override {
    note(mark, tree.wants_key() ? tree.refuse("A name must be text") : tree.value(nullptr));
  }
  void OnAlias(const YAML::Mark& mark, YAML::anchor_t) override {
    note(mark, tree.refuse("YAML aliases are not allowed in CloudFormation templates"));
  }
  void OnScalar(const YAML::Mark& mark, const std::string& tag, YAML::anchor_t,
                const std::string& value) override {
    note(mark, tree.wants_key() ? tree.key(value) : scalar(tag, value));
  }
  void OnSequenceStart(const YAML::Mark& mark, const std::string& tag, YAML::anchor_t,
                       YAML::EmitterStyle::value) override {
    note(mark, open(tag, json::array()));
  }
  void OnSequenceEnd() override { close(); }
  void OnMapStart(const YAML::Mark& mark, const std::string& tag, YAML::anchor_t,
                  YAML::EmitterStyle::value) override {
    note(mark, open(tag, json::object()));
  }
  void OnMapEnd() override { close(); }

  TreeBuilder tree;
  YAML::Mark refused_at;

 private:
  void note(const YAML::Mark& mark, bool taken) {
    if (!taken && !refused_) {
      refused_ = true;
      refused_at = mark;
    }
  }
  // "!Sub" -> "Fn::Sub"; empty: no tag of CloudFormation's.
  static std::string function_of_tag(const std::string& tag) {
    if (tag.size() < 2 || tag[0] != '!') return "";
    if (tag == "!Ref" || tag == "!Condition") return tag.substr(1);
    return "Fn::" + tag.substr(1);
  }
  bool is_taken(const std::string& tag) {
    if (tag.empty() || tag == "?" || tag == "!") return true;
    if (tag.starts_with(kYamlTag)) {
      const std::string_view name = std::string_view(tag).substr(kYamlTag.size());
      for (const std::string_view one : kTakenTags) {
        if (name == one) return true;
      }
    }
    return tree.refuse("The tag " + shown(tag) + " is not allowed in CloudFormation templates");
  }
  bool scalar(const std::string& tag, const std::string& value) {
    const std::string function = function_of_tag(tag);
    if (function.empty()) {
      if (!is_taken(tag)) return false;
      const bool is_text = tag == "!" || tag == std::string(kYamlTag) + "str";
      return tree.value(is_text ? json(value) : plain_value(value));
    }
    json argument = value;
    const std::size_t dot = value.find('.');
    if (function == "Fn::GetAtt" && dot != value.npos) {
      argument = json::array({value.substr(0, dot), value.substr(dot + 1)});
    }
    return tree.open(json::object()) && tree.key(function) && tree.value(std::move(argument)) &&
           tree.close();
  }
  bool open(const std::string& tag, json container) {
    const std::string function = function_of_tag(tag);
    if (tree.wants_key()) return tree.refuse("A name must be text");
    wrapped_.push_back(!function.empty());
    if (function.empty()) return is_taken(tag) && tree.open(std::move(container));
    return tree.open(json::object()) && tree.key(function) && tree.open(std::move(container));
  }
  void close() {
    if (wrapped_.empty()) return;  // It was refused when it was opened.
    tree.close();
    if (wrapped_.back()) tree.close();
    wrapped_.pop_back();
  }

  std::vector<bool> wrapped_;  // Of each open value: it is the argument of a function.
  bool refused_ = false;
};

Result<json> read_yaml(std::string_view text) {
  const auto told = [](std::string what, const YAML::Mark& mark) {
    return format_error(what + " " +
                        place(static_cast<std::size_t>(std::max(mark.line, 0)) + 1,
                              static_cast<std::size_t>(std::max(mark.column, 0)) + 1));
  };
  try {
    std::istringstream stream{std::string(text)};
    YAML::Parser parser(stream);
    YamlEvents events;
    if (!parser.HandleNextDocument(events)) return json(nullptr);
    if (!events.tree.problem().empty()) return told(events.tree.problem(), events.refused_at);
    YamlEvents more;
    if (parser.HandleNextDocument(more)) return format_error("There is more than one document");
    return events.tree.take();
  } catch (const YAML::Exception& e) {
    return told("YAML not well-formed.", e.mark);
  } catch (const std::exception&) {
    return format_error("YAML not well-formed.");
  }
}

}  // namespace

Result<json> read_template_text(std::string_view text) {
  if (text.size() > kTemplateUrlBytesMax) {
    return validation_error("Template may not exceed " + std::to_string(kTemplateUrlBytesMax) +
                            " bytes in size.");
  }
  if (!awsapi::is_valid_utf8(text) || text.find('\0') != text.npos) {
    return format_error("The template is no text in UTF-8");
  }
  const std::size_t first = text.find_first_not_of(" \t\r\n");
  if (first == text.npos) return format_error("The template is empty");
  return text[first] == '{' ? read_json(text) : read_yaml(text);
}

}  // namespace aurora_global::cloudformation
