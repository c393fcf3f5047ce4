// The page of a drill's report: HTML, style and script around one JSON document.
#pragma once

#include <string>

namespace aurora_global::drill {

// `json`: ASCII. Loads nothing from anywhere.
std::string fill_page(const std::string& json);

}  // namespace aurora_global::drill
