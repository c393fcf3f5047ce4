// The one way an operation says that it did not work.
//
// Three kinds of trouble are never mixed: an outcome the caller decides about is a plain value, an
// operating error is a Result<T> with one of the ErrorKinds below, a bug is CHECK.
#pragma once

#include <boost/system/result.hpp>
#include <source_location>
#include <stdexcept>
#include <string>
#include <string_view>
#include <utility>

namespace aurora_global {

// Closed list: a new kind needs a decision record. Edges (SQLSTATE, AWS error code, exit code)
// switch over it without a default.
enum class ErrorKind {
  timeout,            // A deadline passed.
  cancelled,          // Somebody who owns the task called it off.
  unavailable,        // The other side cannot be reached or does not serve now; may be retried.
  superseded,         // A newer epoch or version exists; what was asked is stale.
  conflict,           // The state forbids it now (already running, already exists).
  not_found,          // The thing named does not exist.
  denied,             // Authentication or authorization failed.
  invalid,            // The caller's input breaks a rule.
  corrupt,            // Stored or received bytes make no sense.
  exhausted,          // A limit is reached.
  data_loss_refused,  // It would lose data and nobody allowed that.
  internal,           // Everything else; a bug somewhere, but one we survive.
};

std::string_view name_of(ErrorKind kind);

// An operating error. `message` is "what, given, what to do" for a person. `code` is the foreign
// name where one exists (SQLSTATE, AWS error code), else empty.
struct Error {
  ErrorKind kind = ErrorKind::internal;
  std::string message;
  std::string code;
  std::source_location where;

  // The same error, told one level up: "verb object: message".
  Error in(std::string_view context) const;
};

Error make_error(ErrorKind kind, std::string message, std::string code = {},
                 std::source_location where = std::source_location::current());

// Thrown by Result::value() on an error; only for places that have no better way.
class ErrorException : public std::runtime_error {
 public:
  explicit ErrorException(Error error);
  const Error& error() const { return error_; }

 private:
  Error error_;
};
[[noreturn]] void throw_exception_from_error(const Error& error,
                                             const boost::source_location& where);

template <typename T>
using Result = boost::system::result<T, Error>;

inline Result<void> ok() { return {}; }

}  // namespace aurora_global

#define AG_CONCAT_INNER(a, b) a##b
#define AG_CONCAT(a, b) AG_CONCAT_INNER(a, b)

// TRY(decl, expr): decl = value of expr, or return its error. CO_TRY is the same in a coroutine.
#define AG_TRY_IMPL(ret, tmp, decl, expr)          \
  auto tmp = (expr);                               \
  if (tmp.has_error()) ret std::move(tmp).error(); \
  decl = std::move(*tmp)
#define TRY(decl, expr) AG_TRY_IMPL(return, AG_CONCAT(try_result_, __LINE__), decl, expr)
#define CO_TRY(decl, expr) AG_TRY_IMPL(co_return, AG_CONCAT(try_result_, __LINE__), decl, expr)

// The same for a Result<void>, or when the value does not matter.
#define AG_TRY_VOID_IMPL(ret, tmp, expr)             \
  do {                                               \
    auto tmp = (expr);                               \
    if (tmp.has_error()) ret std::move(tmp).error(); \
  } while (false)
#define TRY_VOID(expr) AG_TRY_VOID_IMPL(return, AG_CONCAT(try_result_, __LINE__), expr)
#define CO_TRY_VOID(expr) AG_TRY_VOID_IMPL(co_return, AG_CONCAT(try_result_, __LINE__), expr)
