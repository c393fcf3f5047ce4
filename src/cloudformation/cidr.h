// Fn::Cidr: an address range, cut into smaller ones.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"

namespace aurora_global::cloudformation {

// The first `count` ranges with `host_bits` bits for hosts in `block`, an IPv4 or IPv6 range
// ("10.0.0.0/16"). Fails with "Template error: ..." if it is none, if the numbers are outside of
// what Fn::Cidr takes (1 to 256 ranges), or if they do not fit.
Result<std::vector<std::string>> cidr_ranges(std::string_view block, std::uint64_t count,
                                             std::uint64_t host_bits);

}  // namespace aurora_global::cloudformation
