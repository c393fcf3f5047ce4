// The text of a template, JSON or YAML with CloudFormation's short tags, as one JSON value.
//
// A text that begins with a brace is JSON, as in CloudFormation; everything else is YAML 1.1.
// !Ref x becomes {"Ref": "x"}, !GetAtt a.b {"Fn::GetAtt": ["a", "b"]}, !Sub and every other
// function {"Fn::Sub": ...}. Timestamps stay text; so does a number with leading zeros, so that an
// account id keeps them.
#pragma once

#include <nlohmann/json.hpp>
#include <string_view>

#include "base/result.h"

namespace aurora_global::cloudformation {

// Fails with "Template format error: ..." for what is neither, and for what CloudFormation does not
// take: YAML aliases, binary data, sets, timestamps by tag, a second document. A name that an
// object has twice, and nesting below kNestingMax, are refused as well. Throws nothing.
Result<nlohmann::json> read_template_text(std::string_view text);

}  // namespace aurora_global::cloudformation
