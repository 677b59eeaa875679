"""Network zones of our own: namespaces, the rules between them, and a broker inside one."""
