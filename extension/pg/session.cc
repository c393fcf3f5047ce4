#include "pg/session.h"

extern "C" {
#include "utils/guc_tables.h"
}

namespace aurora_global::extension {
namespace {

// Looked up once, inside a transaction, for settings are also captured outside of one.
bool login_is_superuser() {
  static bool known = false;
  static bool is = false;
  if (!known && IsTransactionState()) {
    is = superuser_arg(GetAuthenticatedUserId());
    known = true;
  }
  return is;
}

void set(const char* name, const char* value) {
  set_config_option(name, value, login_is_superuser() ? PGC_SUSET : PGC_USERSET, PGC_S_SESSION,
                    GUC_ACTION_SET, true, WARNING, false);
}

char* text_of(config_generic* gen, const config_var_value& value) {
  switch (gen->vartype) {
    case PGC_BOOL: return pstrdup(value.val.boolval ? "on" : "off");
    case PGC_INT: return psprintf("%d", value.val.intval);
    case PGC_REAL: return psprintf("%.17g", value.val.realval);
    case PGC_STRING: return pstrdup(value.val.stringval == nullptr ? "" : value.val.stringval);
    case PGC_ENUM:
      return pstrdup(
          config_enum_lookup_by_value(reinterpret_cast<config_enum*>(gen), value.val.enumval));
  }
  return pstrdup("");
}

bool from_session(GucSource source) { return source == PGC_S_CLIENT || source == PGC_S_SESSION; }

// By the user who logged in, whoever the session is now.
bool settable(const config_generic* gen) {
  return gen->context == PGC_USERSET || (gen->context == PGC_SUSET && login_is_superuser());
}

void add(Settings& to, const char* name, const char* value, bool local, GucSource source) {
  contained([&] { to[name] = {value, local, source == PGC_S_CLIENT}; });
}

}  // namespace

void note_login() { login_is_superuser(); }

void capture_settings(Settings& now, Settings& outside) {
  now.clear();
  outside.clear();
  config_generic** variables = get_guc_variables();
  for (int i = 0; i < GetNumConfigOptions(); ++i) {
    config_generic* gen = variables[i];
    const GucStack* bottom = gen->stack;
    if (bottom == nullptr && !from_session(gen->source)) continue;
    if (!settable(gen) || !travels(gen->name)) continue;
    if (from_session(gen->source)) {
      const char* value = GetConfigOption(gen->name, true, false);
      const bool local = gen->stack != nullptr &&
                         (gen->stack->state == GUC_LOCAL || gen->stack->state == GUC_SET_LOCAL);
      if (value != nullptr) add(now, gen->name, value, local, gen->source);
      if (value != nullptr && bottom == nullptr) {
        add(outside, gen->name, value, false, gen->source);
      }
    }
    if (bottom == nullptr) continue;
    while (bottom->prev != nullptr) bottom = bottom->prev;
    if (from_session(bottom->source)) {
      add(outside, gen->name, text_of(gen, bottom->prior), false, bottom->source);
    }
  }
}

void apply_settings(const Settings& wanted) {
  static Settings* now = new Settings;
  static Settings* outside = new Settings;
  constexpr const char* kIdentity[] = {"session_authorization", "role"};
  capture_settings(*now, *outside);
  const auto is_identity = [&](const std::string& name) {
    return name == kIdentity[0] || name == kIdentity[1];
  };
  for (const auto& [name, setting] : *now) {
    if (!is_identity(name) && wanted.find(name) == wanted.end()) set(name.c_str(), nullptr);
  }
  for (const auto& [name, setting] : wanted) {
    const auto have = now->find(name);
    if (is_identity(name) || (have != now->end() && have->second.value == setting.value)) continue;
    set(name.c_str(), setting.value.c_str());
  }
  for (const char* name : kIdentity) {
    const auto want = wanted.find(std::string_view(name));
    const auto have = now->find(std::string_view(name));
    if (want == wanted.end() && have == now->end()) continue;
    set(name, want == wanted.end() ? nullptr : want->second.value.c_str());
  }
}

}  // namespace aurora_global::extension
