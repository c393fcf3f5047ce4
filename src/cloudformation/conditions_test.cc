// Goal: conditions, rules, the graph and dynamic references of a template, and their cycles.
// Method: templates of a few lines.
#include "cloudformation/conditions.h"

#include <gtest/gtest.h>

#include "cloudformation/dynamic_references.h"
#include "cloudformation/errors.h"
#include "cloudformation/evaluate.h"
#include "cloudformation/graph.h"

namespace aurora_global::cloudformation {
namespace {

using nlohmann::json;

// What a template says before there is any resource.
struct Read {
  Template made;
  ParameterValues parameters;
  PseudoParameters pseudo;
  Scope scope;
};

std::unique_ptr<Read> read_for_test(const std::string& text,
                                    std::map<std::string, std::string> given = {}) {
  auto read = std::make_unique<Read>();
  auto made = read_template(text);
  EXPECT_TRUE(made.has_value()) << made.error().message;
  read->made = std::move(*made);
  const auto ssm = [](const std::string&) { return Result<std::string>(std::string("5")); };
  auto values = parameter_values(read->made.parameters, {.given = std::move(given)}, ssm);
  EXPECT_TRUE(values.has_value()) << values.error().message;
  read->parameters = *values;
  read->scope = {.of = &read->made, .parameters = &read->parameters, .pseudo = &read->pseudo};
  return read;
}

TEST(Conditions, AreDecidedByParameters) {
  const char* const text = R"(
Parameters: {Env: {Type: String, Default: test}}
Conditions:
  IsProd: !Equals [!Ref Env, prod]
  IsTest: !Not [!Condition IsProd]
  Either: !Or [!Condition IsProd, !Equals [!Ref Env, test]]
  Both: !And [!Condition IsProd, !Condition Either]
Resources: {Q: {Type: T}}
)";
  EXPECT_EQ(
      *evaluate_conditions(read_for_test(text)->scope),
      (ConditionValues{{"IsProd", false}, {"IsTest", true}, {"Either", true}, {"Both", false}}));
  EXPECT_EQ(
      *evaluate_conditions(read_for_test(text, {{"Env", "prod"}})->scope),
      (ConditionValues{{"IsProd", true}, {"IsTest", false}, {"Either", true}, {"Both", true}}));
}

TEST(Conditions, MayNotDependOnThemselves) {
  const auto cycle = evaluate_conditions(read_for_test(R"(
Conditions: {A: !Not [!Condition B], B: !Not [!Condition A], C: !Not [!Condition A]}
Resources: {Q: {Type: T}})")
                                             ->scope);
  ASSERT_TRUE(cycle.has_error());
  EXPECT_EQ(cycle.error().message,
            "Template validation error: Template error: Found circular condition dependency "
            "between [A, B]");
}

TEST(Conditions, MustGiveTrueOrFalse) {
  for (const char* wrong : {"!Ref AWS::Region", "yes", "!Not [!Ref AWS::Region]", "!And [a]",
                            "!Not []", "!Equals [a]"}) {
    const auto read =
        read_for_test(std::string("Conditions: {A: ") + wrong + "}\nResources: {Q: {Type: T}}");
    EXPECT_TRUE(evaluate_conditions(read->scope).has_error()) << wrong;
  }
}

TEST(Conditions, ChainsAreNoDepth) {
  json many = {{"Resources", {{"Q", {{"Type", "T"}}}}}};
  many["Conditions"]["C0"] = json::parse(R"({"Fn::Equals": ["a", "a"]})");
  for (int i = 1; i < 500; ++i) {
    json inner = {{"Condition", "C" + std::to_string(i - 1)}};
    for (int k = 0; k < 40; ++k) inner = {{"Fn::Not", {inner}}};
    many["Conditions"]["C" + std::to_string(i)] = inner;
  }
  const auto values = evaluate_conditions(read_for_test(many.dump())->scope);
  ASSERT_TRUE(values.has_value()) << values.error().message;
  EXPECT_TRUE(values->at("C499"));
}

TEST(Rules, HoldOrSayWhatTheyAreFor) {
  const char* const text = R"(
Parameters:
  Version: {Type: "AWS::SSM::Parameter::Value<String>", Default: /v}
Rules:
  CheckVersion:
    Assertions:
      - Assert: !Not [!Contains [["1", "2"], !Ref Version]]
        AssertDescription: Bootstrap again
  Asks:
    Assertions: [{Assert: !Contains [!RefAll "AWS::EC2::VPC::Id", x]}]
Resources: {Q: {Type: T}}
)";
  auto read = read_for_test(text);
  EXPECT_TRUE(check_rules(read->scope).has_value());
  read->parameters["Version"].value = "2";
  const auto broken = check_rules(read->scope);
  ASSERT_TRUE(broken.has_error());
  EXPECT_EQ(broken.error().message,
            "Template validation error: Rule CheckVersion failed: Bootstrap again");
}

TEST(Graph, SeesEveryKindOfReference) {
  const auto read = read_for_test(R"(
Conditions: {Always: !Equals [a, a], Never: !Equals [a, b]}
Resources:
  A: {Type: T}
  B: {Type: T, Properties: {P: !Ref A}}
  C: {Type: T, Properties: {P: [!GetAtt A.Arn]}}
  D: {Type: T, Properties: {P: !Sub "${B}-${C.Arn}-${AWS::Region}"}}
  E: {Type: T, DependsOn: [D, Gone]}
  F: {Type: T, Properties: {P: !If [Never, !Ref Gone, !Ref E]}}
  Gone: {Type: T, Condition: Never}
)");
  const auto conditions = evaluate_conditions(read->scope);
  const auto graph = resource_graph(read->made, *conditions);
  ASSERT_TRUE(graph.has_value()) << graph.error().message;
  EXPECT_EQ(
      *graph,
      (Dependencies{
          {"A", {}}, {"B", {"A"}}, {"C", {"A"}}, {"D", {"B", "C"}}, {"E", {"D"}}, {"F", {"E"}}}));
  EXPECT_EQ(in_order(*graph).order, (std::vector<std::string>{"A", "B", "C", "D", "E", "F"}));
  EXPECT_EQ(in_order(reversed(*graph)).order,
            (std::vector<std::string>{"F", "E", "D", "B", "C", "A"}));
}

TEST(Graph, NamesWhatIsWrong) {
  const auto refusal = [](const std::string& text) {
    const auto read = read_for_test(text);
    const auto graph = resource_graph(read->made, *evaluate_conditions(read->scope));
    return graph.has_error() ? graph.error().message : "";
  };
  EXPECT_EQ(refusal(R"(
Resources:
  A: {Type: T, DependsOn: B}
  B: {Type: T, Properties: {P: !Ref A}}
  Behind: {Type: T, DependsOn: A}
  Before: {Type: T}
  C: {Type: T, DependsOn: Before}
)"),
            "Circular dependency between resources: [A, B]");
  EXPECT_EQ(refusal("Resources: {A: {Type: T, DependsOn: A}}"),
            "Circular dependency between resources: [A]");
  EXPECT_EQ(refusal(R"(
Conditions: {Never: !Equals [a, b]}
Resources: {A: {Type: T, Condition: Never}, B: {Type: T}}
Outputs: {O: {Value: !Ref A}}
)"),
            "Template format error: Unresolved resource dependencies [A] in the Outputs block of "
            "the template");
}

TEST(Graph, CyclesThatNoParameterBreaksAreToldWithoutAny) {
  const auto refusal_without_parameters = [](const std::string& text) {
    const auto made = read_template(text);
    EXPECT_TRUE(made.has_value()) << text;
    const auto checked = check_no_cycle(*made);
    return checked.has_error() ? checked.error().message : "";
  };
  const struct {
    const char* text;
    const char* message;
  } cases[] = {
      {"Resources: {A: {Type: T, DependsOn: B}, B: {Type: T, Properties: {P: !Ref A}}}",
       "Circular dependency between resources: [A, B]"},
      {"Resources: {A: {Type: T, Properties: {P: !Sub '${A.Arn}'}}}",
       "Circular dependency between resources: [A]"},
      {R"(
Conditions: {A: !Not [Condition: B], B: !Not [Condition: A]}
Resources: {R: {Type: T}}
)",
       "Template validation error: Template error: Found circular condition dependency between "
       "[A, B]"},
      {R"(
Parameters: {P: {Type: String}}
Conditions: {C: !Equals [!Ref P, a]}
Resources:
  A: {Type: T, Condition: C, DependsOn: B}
  B: {Type: T, Condition: C, DependsOn: A}
)",
       "Circular dependency between resources: [A, B]"},
      // Each of these has parameters with which it can be deployed.
      {R"(
Parameters: {P: {Type: String}}
Conditions: {C: !Equals [!Ref P, a]}
Resources:
  A: {Type: T, Properties: {P: !If [C, !Ref B, x]}}
  B: {Type: T, Properties: {P: !If [C, x, !Ref A]}}
)",
       ""},
      {R"(
Parameters: {P: {Type: String}}
Conditions: {C: !Equals [!Ref P, a], D: !Not [Condition: C]}
Resources:
  A: {Type: T, Condition: C, DependsOn: B}
  B: {Type: T, Condition: D, DependsOn: [A, P]}
)",
       ""},
  };
  for (const auto& one : cases) {
    EXPECT_EQ(refusal_without_parameters(one.text), one.message) << one.text;
  }
}

TEST(DynamicReferences, AreParsed) {
  const auto secret = parse_dynamic_reference(
      "resolve:secretsmanager:arn:aws:secretsmanager:us-east-1:111122223333:secret:a-b:"
      "SecretString:password:AWSPREVIOUS");
  ASSERT_TRUE(secret.has_value()) << secret.error().message;
  EXPECT_EQ(secret->name, "arn:aws:secretsmanager:us-east-1:111122223333:secret:a-b");
  EXPECT_EQ(secret->json_key, "password");
  EXPECT_EQ(secret->version_stage, "AWSPREVIOUS");
  EXPECT_EQ(parse_dynamic_reference("resolve:secretsmanager:name:SecretString:key::")->json_key,
            "key");
  EXPECT_EQ(parse_dynamic_reference("resolve:secretsmanager:name")->name, "name");
  EXPECT_EQ(parse_dynamic_reference("resolve:ssm:/a/b:3")->version, "3");
  EXPECT_EQ(parse_dynamic_reference("resolve:ssm-secure:x")->service,
            ReferencedService::ssm_secure);
  for (const char* wrong :
       {"resolve:s3:x", "resolve:ssm:", "resolve:ssm:x:y", "resolve:secretsmanager:n:SecretBinary",
        "resolve", "resolve:secretsmanager:n:SecretString:k:stage:id"}) {
    EXPECT_TRUE(parse_dynamic_reference(wrong).has_error()) << wrong;
  }
}

TEST(DynamicReferences, AreReplacedOnce) {
  const json value = {{"a", {"x{{resolve:ssm:one}}y{{resolve:ssm:two}}"}}, {"b", "{{resolve:ssm:"}};
  EXPECT_EQ(dynamic_references(value)->size(), 2u);
  const auto resolved = resolve_dynamic_references(value, [](const DynamicReference& one) {
    return Result<std::string>("<{{resolve:ssm:" + one.name + "}}>");
  });
  ASSERT_TRUE(resolved.has_value()) << resolved.error().message;
  EXPECT_EQ((*resolved)["a"][0], "x<{{resolve:ssm:one}}>y<{{resolve:ssm:two}}>");
  EXPECT_EQ((*resolved)["b"], "{{resolve:ssm:");
  const auto failed = resolve_dynamic_references(
      value, [](const DynamicReference&) -> Result<std::string> { return validation_error("no"); });
  EXPECT_TRUE(failed.has_error());
  std::string many;
  for (int i = 0; i < 61; ++i) many += "{{resolve:ssm:a}}";
  EXPECT_TRUE(dynamic_references(many).has_error());
}

}  // namespace
}  // namespace aurora_global::cloudformation
