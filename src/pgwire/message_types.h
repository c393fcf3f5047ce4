// The messages of the protocol by their names. The same letter means different things in the two
// directions, so there are two types.
//
// Source: PostgreSQL 15 manual, 55.7 "Message Formats".
#pragma once

namespace aurora_global::pgwire {

enum class FromClient : char {
  bind = 'B',
  close = 'C',
  copy_data = 'd',
  copy_done = 'c',
  copy_fail = 'f',
  describe = 'D',
  execute = 'E',
  flush = 'H',
  function_call = 'F',
  parse = 'P',
  password = 'p',
  query = 'Q',
  sync = 'S',
  terminate = 'X',
};

enum class FromServer : char {
  authentication = 'R',
  backend_key = 'K',
  bind_complete = '2',
  close_complete = '3',
  command_complete = 'C',
  copy_both = 'W',
  copy_in = 'G',
  copy_out = 'H',
  data_row = 'D',
  empty_query = 'I',
  error = 'E',
  negotiate_version = 'v',
  no_data = 'n',
  notice = 'N',
  notification = 'A',
  parameter_description = 't',
  parameter_status = 'S',
  parse_complete = '1',
  portal_suspended = 's',
  ready = 'Z',
  row_description = 'T',
};

}  // namespace aurora_global::pgwire
