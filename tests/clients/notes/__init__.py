"""The Django project of `drf_backend.py`: notes that belong to users, who share them with each other.

Users, tokens, permissions, validation and the database are Django's, Django REST framework's and simplejwt's.
"""
