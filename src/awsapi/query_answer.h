// Reads answers of the Query protocol. Pure.
#pragma once

#include <pugixml.hpp>

#include "base/clock.h"
#include "base/result.h"

namespace aurora_global::awsapi {

// AWS refuses a call only because there were too many: it may be sent again, later.
bool is_throttling(std::string_view code);

// The <XxxResult> of an answer, in `document`. An <ErrorResponse> becomes an Error with its code
// (`exhausted` when throttled); anything else that is no such document fails with `corrupt`, or
// `unavailable` for a status of 500 and above.
Result<pugi::xml_node> result_of(pugi::xml_document& document, int status, std::string_view body);

std::string text_of(const pugi::xml_node& node, const char* name);
// "2026-11-23T15:57:04.123Z"; the epoch for anything else.
WallTime parse_time(const char* text);

}  // namespace aurora_global::awsapi
