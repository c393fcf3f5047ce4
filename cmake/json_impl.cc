// The one place where what cmake/pch.h declares of JSON is compiled.
#include <nlohmann/json.hpp>

template class nlohmann::detail::serializer<nlohmann::json>;
template class nlohmann::detail::parser<nlohmann::json,
                                        nlohmann::detail::iterator_input_adapter<const char*>>;
template class nlohmann::basic_json<>;
