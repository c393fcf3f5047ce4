#include "pg/session.h"

#include "pg/isolation.h"

extern "C" {
#include "catalog/pg_authid.h"
#include "utils/acl.h"
#include "utils/guc_tables.h"
}

namespace aurora_global::extension {
namespace {

// What a server gives a setting by its files and its command line.
struct Base {
  config_generic* gen;
  GucSource source;
  config_var_value value;  // A string is a copy, or null.
};

std::vector<Base>& bases() {
  static auto* list = new std::vector<Base>;
  return *list;
}

const char* applying = "";

SetBy set_by(const config_generic* gen) {
  switch (gen->context) {
    case PGC_INTERNAL:
    case PGC_POSTMASTER:
    case PGC_SIGHUP: return SetBy::server;
    case PGC_SU_BACKEND:
    case PGC_BACKEND: return SetBy::start_up;
    case PGC_SUSET:
    case PGC_USERSET: return SetBy::session;
  }
  return SetBy::server;
}

char* text_of(config_generic* gen, const config_var_value& value) {
  switch (gen->vartype) {
    case PGC_BOOL: return pstrdup(value.val.boolval ? "on" : "off");
    case PGC_INT: return psprintf("%d", value.val.intval);
    case PGC_REAL: return psprintf("%.17g", value.val.realval);
    case PGC_STRING: return pstrdup(value.val.stringval == nullptr ? "" : value.val.stringval);
    case PGC_ENUM:
      if (is_serializable_later(gen, value.extra)) return pstrdup("serializable");
      return pstrdup(
          config_enum_lookup_by_value(reinterpret_cast<config_enum*>(gen), value.val.enumval));
  }
  return pstrdup("");
}

config_var_value present_value(const config_generic* gen) {
  config_var_value value = {};
  switch (gen->vartype) {
    case PGC_BOOL: value.val.boolval = *reinterpret_cast<const config_bool*>(gen)->variable; break;
    case PGC_INT: value.val.intval = *reinterpret_cast<const config_int*>(gen)->variable; break;
    case PGC_REAL: value.val.realval = *reinterpret_cast<const config_real*>(gen)->variable; break;
    case PGC_STRING:
      value.val.stringval = *reinterpret_cast<const config_string*>(gen)->variable;
      break;
    case PGC_ENUM: value.val.enumval = *reinterpret_cast<const config_enum*>(gen)->variable; break;
  }
  value.extra = gen->extra;
  return value;
}

config_var_value reset_value(const config_generic* gen) {
  config_var_value value = {};
  switch (gen->vartype) {
    case PGC_BOOL: value.val.boolval = reinterpret_cast<const config_bool*>(gen)->reset_val; break;
    case PGC_INT: value.val.intval = reinterpret_cast<const config_int*>(gen)->reset_val; break;
    case PGC_REAL: value.val.realval = reinterpret_cast<const config_real*>(gen)->reset_val; break;
    case PGC_STRING:
      value.val.stringval = reinterpret_cast<const config_string*>(gen)->reset_val;
      break;
    case PGC_ENUM:
      value.val.enumval = reinterpret_cast<const config_enum*>(gen)->reset_val;
      value.extra = reinterpret_cast<const config_enum*>(gen)->reset_extra;
      break;
  }
  return value;
}

// Numbers without their unit, as every server reads them.
char* present_text(config_generic* gen) { return text_of(gen, present_value(gen)); }

bool carries(Carrier carrier, const config_generic* gen) {
  const Rule rule = rule_of(gen);
  return carrier == Carrier::move ? moves(rule) : forwards(rule);
}

const GucStack* bottom_of(const config_generic* gen) {
  const GucStack* bottom = gen->stack;
  while (bottom != nullptr && bottom->prev != nullptr) bottom = bottom->prev;
  return bottom;
}

void add(SettingItems& items, const config_generic* gen, const char* value, const char* login,
         GucSource login_source, bool local, Oid role) {
  contained([&] {
    SettingItem item;
    item.name = gen->name;
    item.placeholder = (gen->flags & GUC_CUSTOM_PLACEHOLDER) != 0;
    if (value != nullptr) item.value = value;
    if (login != nullptr) {
      item.login = login;
      item.login_source = login_source;
    }
    item.local = local;
    item.set_by = role;
    items.push_back(std::move(item));
  });
}

config_generic* find(const char* name) {
  config_generic** variables = get_guc_variables();
  for (int i = 0; i < GetNumConfigOptions(); ++i) {
    if (pg_strcasecmp(variables[i]->name, name) == 0) return variables[i];
  }
  return nullptr;
}

const SettingItem* find(const SettingItems& items, const char* name) {
  for (const SettingItem& item : items) {
    if (pg_strcasecmp(item.name.c_str(), name) == 0) return &item;
  }
  return nullptr;
}

// What each level of an open block has made of a setting. Each remembers what was before it, so
// that what it has left stands in the next one.
void add_levels(config_generic* gen, int levels, std::vector<SettingItems>& by_level) {
  const GucStack* next = nullptr;
  for (const GucStack* at = gen->stack; at != nullptr; next = at, at = at->prev) {
    SettingItems& items = by_level[static_cast<std::size_t>(Min(at->nest_level, levels) - 1)];
    const bool is_set = (next == nullptr ? gen->source : next->source) == PGC_S_SESSION;
    const Oid role = next == nullptr ? gen->srole : next->srole;
    const char* value = nullptr;
    if (is_set) value = next == nullptr ? present_text(gen) : text_of(gen, next->prior);
    // SET and then SET LOCAL: the first holds again after the block.
    if (at->state == GUC_SET_LOCAL) {
      add(items, gen, text_of(gen, at->masked), nullptr, PGC_S_DEFAULT, false, at->masked_srole);
    }
    const bool local = at->state == GUC_LOCAL || at->state == GUC_SET_LOCAL;
    add(items, gen, value, nullptr, PGC_S_DEFAULT, local, role);
  }
}

// ---- applying

// As SET checks rights, unless what is set is proven to have been set before. `level`: of what is
// said where they do not suffice.
void set_as(const char* name, const char* value, GucSource source, GucAction action, Oid role,
            bool trusted, int level = ERROR) {
  const Oid login = GetAuthenticatedUserId();
  const GucContext context = trusted || superuser_arg(login) ? PGC_SUSET : PGC_USERSET;
  set_config_option_ext(name, value, context, source, trusted ? role : login, action, true, level,
                        false);
}

// Anybody may SET what the server does not know. Where it knows it, as when its library is loaded
// later, PostgreSQL takes over what the user could have SET, and leaves the rest out.
void set_item(const SettingItem& item, const char* value, GucAction action, bool trusted) {
  const Oid role = OidIsValid(item.set_by) ? item.set_by : GetUserId();
  if (item.placeholder) {
    set_as(item.name.c_str(), value, PGC_S_SESSION, action, role, false, LOG);
  } else {
    set_as(item.name.c_str(), value, PGC_S_SESSION, action, role, trusted);
  }
}

void set(const char* name, const char* value, GucAction action, Oid role, bool trusted) {
  set_as(name, value, PGC_S_SESSION, action, OidIsValid(role) ? role : GetUserId(), trusted);
}

// As the login would have: the setting's own value, if nothing is SET, and what RESET goes back to.
// PostgreSQL lets a source be overridden only by a stronger one, so the present one goes first.
void set_login(config_generic* gen, const char* value, GucSource source, bool trusted) {
  if (gen->source == gen->reset_source) gen->source = PGC_S_DEFAULT;
  gen->reset_source = PGC_S_DEFAULT;
  set_as(gen->name, value, source, GUC_ACTION_SET, BOOTSTRAP_SUPERUSERID, trusted);
}

void set_base(config_generic* gen, bool trusted) {
  for (const Base& base : bases()) {
    if (base.gen != gen) continue;
    const bool none = gen->vartype == PGC_STRING && base.value.val.stringval == nullptr;
    set_login(gen, none ? "" : text_of(gen, base.value), base.source, trusted);
    return;
  }
  set_login(gen, "", PGC_S_FILE, trusted);  // One that no server knows.
}

void apply_login(config_generic* gen, const SettingItem* wanted, bool trusted) {
  // The client's own start-up packet is stronger than either.
  if (gen->reset_source > PGC_S_DATABASE_USER) return;
  if (wanted != nullptr && wanted->login) {
    const auto source = static_cast<GucSource>(wanted->login_source);
    if (source < PGC_S_GLOBAL || source > PGC_S_DATABASE_USER) {
      ereport(ERROR, errcode(ERRCODE_PROTOCOL_VIOLATION), errmsg("a setting of no known source"));
    }
    if (gen->reset_source == source &&
        strcmp(text_of(gen, reset_value(gen)), wanted->login->c_str()) == 0) {
      return;
    }
    set_login(gen, wanted->login->c_str(), source, trusted);
  } else if (has_login_value(gen)) {
    set_base(gen, trusted);
  }
}

void apply_session_value(config_generic* gen, const SettingItem* wanted, bool trusted) {
  const bool is_set = gen->source == PGC_S_SESSION;
  if (wanted == nullptr || !wanted->value) {
    if (is_set) set(gen->name, nullptr, GUC_ACTION_SET, InvalidOid, trusted);
    return;
  }
  const char* value = wanted->value->c_str();
  if (is_set && strcmp(present_text(gen), value) == 0) return;
  set_item(*wanted, value, GUC_ACTION_SET, trusted);
}

// One that the server does not know, and the other one knew only because it was SET once.
void make_placeholder(const SettingItem& item, bool trusted) {
  set_item(item, "", GUC_ACTION_SET, trusted);
  set_item(item, nullptr, GUC_ACTION_SET, trusted);
}

// What is checked by the names that another makes visible comes after that one; bytes keep their
// meaning while client_encoding waits; roles take rights away.
int order_of(const char* name) {
  if (strcmp(name, "search_path") == 0) return 0;
  if (strcmp(name, "client_encoding") == 0) return 2;
  if (strcmp(name, "session_authorization") == 0) return 3;
  return strcmp(name, "role") == 0 ? 4 : 1;
}
constexpr int kOrders = 5;

}  // namespace

Rule rule_of(const config_generic* gen) { return rule_of(gen->name, set_by(gen)); }

bool is_placeholder(const config_generic* gen) {
  return (gen->flags & GUC_CUSTOM_PLACEHOLDER) != 0 && gen->reset_source == PGC_S_DEFAULT;
}

bool has_login_value(const config_generic* gen) {
  return gen->reset_source >= PGC_S_GLOBAL && gen->reset_source <= PGC_S_DATABASE_USER;
}

void capture_settings(Carrier carrier, SettingItems& items) {
  items.clear();
  config_generic** variables = get_guc_variables();
  for (int i = 0; i < GetNumConfigOptions(); ++i) {
    config_generic* gen = variables[i];
    const GucStack* bottom = bottom_of(gen);
    const bool is_set = (bottom == nullptr ? gen->source : bottom->source) == PGC_S_SESSION;
    const bool by_login = has_login_value(gen);
    if (!is_set && !by_login && !is_placeholder(gen)) continue;
    if (!carries(carrier, gen)) continue;
    const char* value = nullptr;
    if (is_set) value = bottom == nullptr ? present_text(gen) : text_of(gen, bottom->prior);
    add(items, gen, value, by_login ? text_of(gen, reset_value(gen)) : nullptr, gen->reset_source,
        false, bottom == nullptr ? gen->srole : bottom->srole);
  }
}

const char* shown_outside_block(config_generic* gen) {
  const GucStack* bottom = bottom_of(gen);
  if (bottom == nullptr) return GetConfigOptionByName(gen->name, nullptr, false);
  const char* text = text_of(gen, bottom->prior);
  if (strcmp(gen->name, "TimeZone") != 0) return text;
  pg_tz* zone = pg_tzset(text);  // Any spelling is taken, and one is shown.
  return zone == nullptr ? text : pg_get_timezone_name(zone);
}

bool roles_change_in_block() {
  return find("role")->stack != nullptr || find("session_authorization")->stack != nullptr;
}

void capture_block_settings(int levels, std::vector<SettingItems>& by_level) {
  contained([&] {
    by_level.clear();
    by_level.resize(static_cast<std::size_t>(levels));
  });
  config_generic** variables = get_guc_variables();
  for (int order = 0; order < kOrders; ++order) {
    for (int i = 0; i < GetNumConfigOptions(); ++i) {
      config_generic* gen = variables[i];
      if (gen->stack == nullptr || order_of(gen->name) != order) continue;
      if (carries(Carrier::forwarding, gen)) add_levels(gen, levels, by_level);
    }
  }
}

int encoding_before_level(int level) {
  config_generic* gen = find("client_encoding");
  const char* value = GetConfigOption(gen->name, false, false);
  for (const GucStack* at = gen->stack; at != nullptr && at->nest_level >= level; at = at->prev) {
    value = at->prior.val.stringval;
  }
  return pg_valid_client_encoding(value);
}

void capture_startup_settings(Named& settings) {
  settings.clear();
  config_generic** variables = get_guc_variables();
  for (int i = 0; i < GetNumConfigOptions(); ++i) {
    config_generic* gen = variables[i];
    if (gen->reset_source != PGC_S_CLIENT) continue;
    if (!carries(Carrier::forwarding, gen)) continue;
    const char* value = text_of(gen, reset_value(gen));
    contained([&] { settings.emplace_back(gen->name, value); });
  }
}

void apply_settings(Carrier carrier, const SettingItems& items, bool trusted) {
  // Only who the session began as may set everything.
  for (const char* name : {"role", "session_authorization"}) {
    config_generic* gen = find(name);
    const SettingItem* wanted = find(items, name);
    applying = name;
    const bool stays = wanted != nullptr && wanted->value && gen->source == PGC_S_SESSION &&
                       strcmp(present_text(gen), wanted->value->c_str()) == 0;
    if (gen->source == PGC_S_SESSION && !stays) {
      set(name, nullptr, GUC_ACTION_SET, InvalidOid, trusted);
    }
  }
  for (const SettingItem& item : items) {
    applying = item.name.c_str();
    if (find(item.name.c_str()) == nullptr) make_placeholder(item, trusted);
  }
  for (int order = 0; order < kOrders; ++order) {
    // No setting is made from here on, so the array stays where it is.
    config_generic** variables = get_guc_variables();
    for (int i = 0; i < GetNumConfigOptions(); ++i) {
      config_generic* gen = variables[i];
      if (order_of(gen->name) != order || !carries(carrier, gen)) continue;
      const SettingItem* wanted = find(items, gen->name);
      if (wanted == nullptr && gen->source != PGC_S_SESSION && !has_login_value(gen)) continue;
      applying = gen->name;
      apply_login(gen, wanted, trusted);
      apply_session_value(gen, wanted, trusted);
    }
  }
  applying = "";
}

void apply_block_settings(const SettingItems& items, bool trusted) {
  for (const SettingItem& item : items) {
    applying = item.name.c_str();
    set_item(item, item.value ? item.value->c_str() : nullptr,
             item.local ? GUC_ACTION_LOCAL : GUC_ACTION_SET, trusted);
  }
  applying = "";
}

const char* setting_being_applied() { return applying; }

void note_base_settings() {
  config_generic** variables = get_guc_variables();
  for (int i = 0; i < GetNumConfigOptions(); ++i) {
    config_generic* gen = variables[i];
    if (set_by(gen) != SetBy::session) continue;
    config_var_value value = present_value(gen);
    contained([&] {
      if (gen->vartype == PGC_STRING && value.val.stringval != nullptr) {
        value.val.stringval = strdup(value.val.stringval);
      }
      bases().push_back({gen, gen->source, value});
    });
  }
}

}  // namespace aurora_global::extension
