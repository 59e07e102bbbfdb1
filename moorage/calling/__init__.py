"""Calls to strangers' servers: addresses that may be called, one host, bounded answers. The standard library only.

endpoints      connections to the one host of a source
failures       what may be tried again
index_pages    the names on a web server's page of a folder (pure)
requests       one request, bounded in bytes and time
role_sessions  keys in exchange for a token
web_folders    a folder behind a web server: its files, and their bytes
"""
