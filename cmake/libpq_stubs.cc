// What Debian's libpq.a asks of GSSAPI and LDAP, refused: no Kerberos and no LDAP look-ups in a
// static program (connect with gssencmode=disable).
extern "C" {
#define AG_REFUSE(name) \
  int name(...) { return -1; }
AG_REFUSE(gss_accept_sec_context)
AG_REFUSE(gss_acquire_cred)
AG_REFUSE(gss_delete_sec_context)
AG_REFUSE(gss_display_name)
AG_REFUSE(gss_display_status)
AG_REFUSE(gss_import_name)
AG_REFUSE(gss_init_sec_context)
AG_REFUSE(gss_release_buffer)
AG_REFUSE(gss_release_cred)
AG_REFUSE(gss_release_name)
AG_REFUSE(gss_unwrap)
AG_REFUSE(gss_wrap)
AG_REFUSE(gss_wrap_size_limit)
AG_REFUSE(ldap_count_entries)
AG_REFUSE(ldap_get_option)
AG_REFUSE(ldap_initialize)
AG_REFUSE(ldap_msgfree)
AG_REFUSE(ldap_perror)
AG_REFUSE(ldap_result)
AG_REFUSE(ldap_search_st)
AG_REFUSE(ldap_set_option)
AG_REFUSE(ldap_simple_bind)
AG_REFUSE(ldap_simple_bind_s)
AG_REFUSE(ldap_unbind)
AG_REFUSE(ldap_unbind_s)
AG_REFUSE(ldap_value_free_len)
AG_REFUSE(ldap_memfree)
char* ldap_err2string(int) {
  static char text[] = "LDAP is not in this program";
  return text;
}
void* ldap_init(...) { return nullptr; }
void* ldap_first_entry(...) { return nullptr; }
void* ldap_get_values_len(...) { return nullptr; }
char* ldap_get_dn(...) { return nullptr; }
void* GSS_C_NT_HOSTBASED_SERVICE = nullptr;
void* GSS_C_NT_USER_NAME = nullptr;
}
