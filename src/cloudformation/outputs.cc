#include "cloudformation/outputs.h"

#include "cloudformation/errors.h"
#include "cloudformation/graph.h"
#include "cloudformation/members.h"

namespace aurora_global::cloudformation {
namespace {

constexpr std::size_t kExportNameBytesMax = 255;

// What an output's value or its export's name comes to.
Result<std::string> text_of_output(const Scope& scope, const std::string& name,
                                   const nlohmann::json& given) {
  TRY(const Value value, evaluate(scope, given));
  if (!value.known()) {
    return make_error(ErrorKind::internal,
                      "output " + name + " waits for resource " + value.awaited.begin()->first);
  }
  return output_text(value.json);
}

}  // namespace

Result<std::string> output_text(const nlohmann::json& value) {
  if (auto text = as_text(value)) return *text;
  return format_error("The Value field of every Outputs member must evaluate to a String.");
}

Result<std::map<std::string, Output>> evaluate_outputs(const Scope& scope) {
  std::map<std::string, Output> outputs;
  for (const auto& [name, definition] : scope.of->outputs) {
    if (!applies(definition.condition, *scope.conditions)) continue;
    Output& output = outputs[name];
    output.description = definition.description;
    TRY(output.value, text_of_output(scope, name, definition.value));
    if (definition.export_name.is_null()) continue;
    TRY(output.export_name, text_of_output(scope, name, definition.export_name));
    if (output.export_name.empty() || output.export_name.size() > kExportNameBytesMax) {
      return validation_error("Export name of output " + name + " must have 1 to " +
                              std::to_string(kExportNameBytesMax) + " characters");
    }
  }
  return outputs;
}

}  // namespace aurora_global::cloudformation
