// The settings that PostgreSQL reports to the client, while the primary answers it.
//
// Which of them a client has been told stands here (config_generic::last_reported); what it has to
// be told is what the primary has before each ReadyForQuery. The primary itself reports what
// changes there: it never told the client anything before, nor does it see what the standby has
// told.
#pragma once

#include "pg/pg.h"

namespace aurora_global::extension {

// A relay begins: outside of the client's transaction block the primary has what stands here.
void begin_reporting();
// ParameterStatus of the primary.
void note_reported(std::string_view body);
// Before ReadyForQuery: tells the client what it has not been told.
void report_settings();

}  // namespace aurora_global::extension
