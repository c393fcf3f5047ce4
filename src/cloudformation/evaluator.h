// One evaluation under way: evaluate() for values, and truth for conditions and rules.
#pragma once

#include "cloudformation/evaluate.h"
#include "cloudformation/functions.h"

namespace aurora_global::cloudformation {

class Evaluator {
 public:
  using Json = nlohmann::json;

  // `scope` outlives the evaluator. With `decided`, conditions may name these.
  explicit Evaluator(const Scope& scope, const ConditionValues* decided = nullptr)
      : scope_(scope), decided_(decided != nullptr ? decided : scope.conditions) {}

  Result<Value> value(const Json& value);
  Result<bool> truth(const Json& value);

 private:
  Result<Value> call(const FunctionCall& call);
  Result<Value> members(const Json& value);

  // evaluate_lookups.cc: what asks the template or the world.
  Result<Value> ref(const std::string& name);
  Result<Value> get_att(const Json& argument);
  Result<Value> attribute(const std::string& resource, const std::string& name);
  Result<Value> choose(const Json& argument);
  Result<Value> find_in_map(const Json& argument);
  Result<Value> import_value(const Json& argument);
  Result<Value> get_azs(const Json& argument);
  Result<Value> get_stack_output(const Json& argument);

  // evaluate_texts.cc: what makes a value of others.
  Result<Value> join(const Json& argument);
  Result<Value> select(const Json& argument);
  Result<Value> split(const Json& argument);
  Result<Value> sub(const Json& argument);
  Result<Value> sub_part(const std::string& name, const Json& own);
  Result<Value> cidr(const Json& argument);
  Result<Value> encode_base64(const Json& argument);
  Result<Value> length(const Json& argument);
  Result<Value> to_json_string(const Json& argument);

  // evaluate_truth.cc
  Result<bool> equal(const Json& argument);
  Result<bool> all_or_any(const FunctionCall& call);
  Result<bool> membership(const FunctionCall& call);

  // `argument` as a list of values, for functions that take a fixed number of them.
  Result<std::vector<Value>> arguments(const Json& argument, std::size_t least, std::size_t most,
                                       Function function);
  // Counts what is produced. Fails beyond kEvaluatedBytesMax.
  Result<Value> produced(Json json);

  const Scope& scope_;
  const ConditionValues* decided_;
  std::size_t bytes_ = 0;
  std::size_t depth_ = 0;
};

// A value in the place of one that is not known, because of what all of `parts` wait for.
Value awaiting(const std::vector<Value>& parts);
bool all_known(const std::vector<Value>& parts);
// A scalar as text, or an error that names the function.
Result<std::string> text_for(Function function, const nlohmann::json& value);

}  // namespace aurora_global::cloudformation
