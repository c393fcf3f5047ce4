// CloudFormation's quotas, and limits of our own where it names none.
#pragma once

#include <cstddef>

namespace aurora_global::cloudformation {

// A template in the request, and one that is fetched from S3. The caller of read_template() knows
// which it is; read_template() itself takes no more than the larger one.
inline constexpr std::size_t kTemplateBodyBytesMax = 51'200;
inline constexpr std::size_t kTemplateUrlBytesMax = 1'048'576;

inline constexpr std::size_t kResourcesMax = 500;
inline constexpr std::size_t kParametersMax = 200;
inline constexpr std::size_t kOutputsMax = 200;
inline constexpr std::size_t kMappingsMax = 200;
inline constexpr std::size_t kMappingAttributesMax = 200;
inline constexpr std::size_t kDynamicReferencesMax = 60;  // Of one resource or output.
inline constexpr std::size_t kNameBytesMax = 255;         // Logical ids, names of every section.
inline constexpr std::size_t kDescriptionBytesMax = 1024;
inline constexpr std::size_t kParameterValueBytesMax = 4096;
inline constexpr std::size_t kConditionArgumentsMax = 10;  // Of Fn::And and Fn::Or.
inline constexpr std::size_t kCidrBlocksMax = 256;

// Our own. Values are walked recursively: what is nested deeper would overrun a thread's stack.
inline constexpr std::size_t kNestingMax = 100;
inline constexpr std::size_t kConditionsMax = 500;
inline constexpr std::size_t kRulesMax = 200;
inline constexpr std::size_t kPatternBytesMax = 4096;
inline constexpr std::size_t kAllowedValuesMax = 1000;
// What one evaluation may produce: a few bytes of template name a parameter of 4 kB many times.
inline constexpr std::size_t kEvaluatedBytesMax = 8 * 1024 * 1024;

}  // namespace aurora_global::cloudformation
