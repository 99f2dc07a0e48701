"""The programs that pods of a lab run: our own agnhost, web servers, and tools that the machine may lack.

They are copied into the pods' view and need nothing but Python's standard library.
"""
