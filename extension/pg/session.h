// The settings of this session as items that travel, and those of another brought here.
#pragma once

#include "core/session_image.h"
#include "core/session_items.h"
#include "pg/pg.h"

struct config_generic;

namespace aurora_global::extension {

using SettingItems = std::vector<SettingItem>;

Rule rule_of(const config_generic* gen);
// No session but this has made it: no server knows it.
bool is_placeholder(const config_generic* gen);
// What RESET goes back to came from ALTER ROLE or ALTER DATABASE.
bool has_login_value(const config_generic* gen);

// Whom a setting's rule lets take it along.
enum class Carrier { move, forwarding };

// Fills `items` with what differs from a session that nobody has touched: values that were SET,
// values of ALTER ROLE and ALTER DATABASE as they were when the session began. Of an open
// transaction block, what stood before it.
void capture_settings(Carrier carrier, SettingItems& items);
// What an open transaction block has changed: before its first savepoint, and behind each.
void capture_block_settings(int levels, std::vector<SettingItems>& by_level);
// The value of client_encoding before the block's savepoint of this level, or the block.
int encoding_before_level(int level);

// As SHOW gives it, of what stood before an open transaction block.
const char* shown_outside_block(config_generic* gen);

// The open transaction has changed the session's user or role, which is what it will have then.
bool roles_change_in_block();

// The settings of the start-up packet that forwarding takes along.
using Named = std::vector<std::pair<std::string, std::string>>;
void capture_startup_settings(Named& settings);

// Makes the session's settings those of `items`: what is not there goes back to what a fresh
// session has. `trusted`: also those that the session's user may not SET. Raises an error that
// names the setting. Inside a transaction.
void apply_settings(Carrier carrier, const SettingItems& items, bool trusted);
// The settings of a transaction block, in one.
void apply_block_settings(const SettingItems& items, bool trusted);
// The name and value of what apply_settings() is at, for its caller's error context.
const char* setting_being_applied();

// Remembers what the server itself gives each setting, before ALTER ROLE and ALTER DATABASE have
// their say: what this session would have without them. When its user is authenticated.
void note_base_settings();

}  // namespace aurora_global::extension
