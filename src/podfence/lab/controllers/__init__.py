"""The lab's controllers: each brings what is there to what one kind of object asks for, and nothing else.

All are level-triggered: a reconcile looks at the store as it is, does what is missing and may be repeated at any time.
"""
