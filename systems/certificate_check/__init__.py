"""証明書の発行確認: anyone who holds a paper may ask whether the municipality issued it.

The only system of zone internet. It reads one table, in which the registry notes for each certificate the hash of its code,
its kind, its day and the hash of its PDF: nothing about a person, nothing that leads to one (docs/decisions/0036). Its process
has no right in the register's schema, no key of it, and none of its code.
"""
