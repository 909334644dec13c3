"""Runtimes side by side: how fast is one network in each of them?"""
