"""/TEAM/PROJECT/settings: name, address, who sees it, what is known of its metrics, and its end."""

from __future__ import annotations

from typing import Any

from django import forms
from django.contrib import messages
from django.http import HttpResponse
from django.shortcuts import redirect, render

from apps.accounts.roles import Role
from apps.base.errors import DomainError, NotFound
from apps.reports.models import SavedView
from apps.tracking.definitions import define, forget
from apps.tracking.models import MetricDefinition, Project, Run

from ..forms import refuse
from ..found import found_project
from ..request import Request

DEFINITIONS = 500
METRIC_NAME_LENGTH = 500


class Edit(forms.Form):
    name = forms.CharField(max_length=500)
    slug = forms.CharField(max_length=128)
    description = forms.CharField(max_length=100_000, required=False, widget=forms.Textarea)
    visibility = forms.ChoiceField(choices=Project.Visibility.choices)


class Definition(forms.Form):
    name = forms.CharField(max_length=METRIC_NAME_LENGTH)
    direction = forms.ChoiceField(choices=[("", ""), *MetricDefinition.Direction.choices], required=False)
    summary = forms.ChoiceField(choices=[("", ""), *MetricDefinition.Summary.choices], required=False)
    unit = forms.CharField(max_length=64, required=False)
    x = forms.CharField(max_length=METRIC_NAME_LENGTH, required=False)
    hidden = forms.BooleanField(required=False)

    def clean(self) -> dict[str, Any] | None:
        asked = self.cleaned_data
        if asked.get("summary") == MetricDefinition.Summary.BEST and not asked.get("direction"):
            self.add_error(
                "direction", "Say which values are better, lower or higher ones, to know the best."
            )
        return asked


def project_settings(request: Request, team: str, project: str) -> HttpResponse:
    """GET, POST"""
    found = _found(request, team, project)
    if request.method != "POST":
        return _page(request, found)
    # The page goes on showing the project as it is, so what is edited is another copy.
    edited = _found(request, team, project)
    asked = Edit(request.POST)
    if asked.is_valid():
        try:
            edited.edit(**asked.cleaned_data)
        except DomainError as refusal:
            refuse(asked, refusal, {"bad_name": "name", "bad_slug": "slug", "reserved_slug": "slug"})
        else:
            messages.success(request, "The project has been saved.")
            if Project.objects.visible_to(request.principal).filter(pk=edited.pk).exists():
                return redirect("web:project-settings", edited.team.slug, edited.slug)
            # Made private by somebody who neither made it nor runs the team.
            return redirect("web:team", edited.team.slug)
    return _page(request, found, form=asked, status=422)


def metric(request: Request, team: str, project: str) -> HttpResponse:
    """GET, POST …/metric?name=: a definition; without a name a new one."""
    found = found_project(request.principal, team, project, needs=Role.MEMBER)
    name = request.GET.get("name")
    known = _definition(found, name) if name is not None else None
    first = known.summary[0] if known and known.summary else ""
    shown = {field: getattr(known, field, "") for field in Definition.base_fields} | {"summary": first}
    if request.method != "POST":
        return _page(request, found, definition=Definition(initial=shown), known=known)
    said = request.POST.copy()
    if known:
        said["name"] = known.name
    asked = Definition(said)
    if asked.is_valid():
        given = dict(asked.cleaned_data)
        wanted = given.pop("name")
        others = known.summary if known else []
        # The first stands for the metric; what a run has asked for beside it is still kept.
        given["summary"] = [
            *filter(None, [given["summary"]]),
            *(each for each in others if each not in (first, given["summary"])),
        ]
        define(found.pk, {wanted: given}, by_person=True)
        messages.success(request, f"{wanted} has been saved. Tables follow in a moment.")
        return redirect("web:project-settings", found.team.slug, found.slug)
    return _page(request, found, definition=asked, known=known, status=422)


def remove_metric(request: Request, team: str, project: str) -> HttpResponse:
    """POST …/metric/remove"""
    found = found_project(request.principal, team, project, needs=Role.MEMBER)
    definition = _definition(found, request.POST.get("name", ""))
    forget(definition)
    messages.success(request, f"What was known of {definition.name} has been removed. Its points stay.")
    return redirect("web:project-settings", found.team.slug, found.slug)


def delete(request: Request, team: str, project: str) -> HttpResponse:
    """GET, POST …/delete: asks for the project's slug to be typed."""
    found = found_project(request.principal, team, project, needs=Role.MEMBER)
    typed = request.POST.get("confirmation", "").strip()
    if request.method == "POST" and typed == found.slug:
        found.remove()
        return redirect("web:deleted-project", found.public_id)
    ending = {
        "runs": Run.objects.filter(project=found, deleted_at=None).count(),
        "views": SavedView.objects.filter(project=found).count(),
        "is_wrong": request.method == "POST",
    }
    return _page(request, found, ending=ending, status=422 if ending["is_wrong"] else 200)


def _found(request: Request, team: str, project: str) -> Project:
    return found_project(
        request.principal, team, project, needs=Role.MEMBER if request.method == "POST" else None
    )


def _definition(project: Project, name: str) -> MetricDefinition:
    """Return a definition of a project that is at hand. Raises NotFound."""
    found = MetricDefinition.objects.filter(project=project, name=name.replace("\0", "")).first()
    if found is None:
        raise NotFound("Nothing is defined under this name. Choose one of the list.")
    return found


def _page(request: Request, project: Project, *, status: int = 200, **shown: Any) -> HttpResponse:
    """form: what was refused. Over the page one dialog: definition and known, or ending."""
    initial = {field: getattr(project, field) for field in Edit.base_fields}
    return render(
        request,
        "pages/project_settings.html",
        {
            "at": "projects",
            "tab": "settings",
            "team": project.team,
            "project": project,
            "form": Edit(initial=initial),
            "definitions": MetricDefinition.objects.filter(project=project).order_by("name")[:DEFINITIONS],
            "may_edit": (request.principal.role_in(project.team_id) or Role.VIEWER) >= Role.MEMBER,
            **shown,
        },
        status=status,
    )
