// GetRandomPassword.
#include <openssl/rand.h>

#include <algorithm>
#include <cstdint>

#include "base/check.h"
#include "services/secretsmanager/told.h"

namespace aurora_global::services::secretsmanager {
namespace {

constexpr std::int64_t kPasswordLength = 32;
constexpr std::int64_t kPasswordMax = 4096;

constexpr std::string_view kLower = "abcdefghijklmnopqrstuvwxyz";
constexpr std::string_view kUpper = "ABCDEFGHIJKLMNOPQRSTUVWXYZ";
constexpr std::string_view kDigits = "0123456789";
constexpr std::string_view kPunctuation = "!\"#$%&'()*+,-./:;<=>?@[\\]^_`{|}~";

// Uniform in [0, bound), from the operating system.
std::size_t random_below(std::size_t bound) {
  const std::uint64_t limit = UINT64_MAX - UINT64_MAX % bound;
  for (;;) {
    std::uint64_t value = 0;
    CHECK(RAND_bytes(reinterpret_cast<unsigned char*>(&value), sizeof value) == 1);
    if (value < limit) return static_cast<std::size_t>(value % bound);
  }
}

}  // namespace

Answer get_random_password(Region&, Members members) {
  const auto length = static_cast<std::size_t>(
      members.number("PasswordLength", 1, kPasswordMax).value_or(kPasswordLength));
  const std::string excluded = members.text("ExcludeCharacters");
  std::vector<std::string> kinds;
  const auto take = [&](std::string_view characters, const char* exclude) {
    if (members.flag(exclude)) return;
    std::string left(characters);
    std::erase_if(left, [&](char c) { return excluded.find(c) != std::string::npos; });
    if (!left.empty()) kinds.push_back(std::move(left));
  };
  take(kLower, "ExcludeLowercase");
  take(kUpper, "ExcludeUppercase");
  take(kDigits, "ExcludeNumbers");
  take(kPunctuation, "ExcludePunctuation");
  const bool space = members.flag("IncludeSpace") && excluded.find(' ') == std::string::npos;
  if (space) kinds.emplace_back(" ");
  const bool each = members.flag("RequireEachIncludedType", true);
  CO_TRY_VOID(members.finish());
  if (kinds.empty()) {
    co_return refuse("InvalidParameterException",
                     "The password would have no characters: all of them are excluded");
  }
  if (each && length < kinds.size()) {
    co_return refuse("InvalidParameterException",
                     "The password length is too short based on the required types.");
  }
  std::string all;
  for (const std::string& kind : kinds) all += kind;
  std::string password;
  if (each) {
    for (const std::string& kind : kinds) password += kind[random_below(kind.size())];
  }
  while (password.size() < length) password += all[random_below(all.size())];
  // Those that had to be in it stand anywhere.
  for (std::size_t i = password.size() - 1; i > 0; --i) {
    std::swap(password[i], password[random_below(i + 1)]);
  }
  co_return json{{"RandomPassword", password}};
}

}  // namespace aurora_global::services::secretsmanager
