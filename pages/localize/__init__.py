"""The first page: where was this photo taken?"""
