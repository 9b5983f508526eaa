"""The ServiceAccount of the deploy context, with the permissions and policies of knative/base.

It can do all it needs in namespaces of applications, and nothing in namespaces of the platform or of others.
"""
