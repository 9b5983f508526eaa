"""Domains of applications of the in-memory Capsule, with its resolver, certificate authority and cluster."""

import pytest

from functions.deploy import ports
from functions.deploy.commands.add_domain import AddDomain
from functions.deploy.commands.check_domain import CheckDomain
from functions.deploy.domain.deployment import Deployment
from functions.deploy.domain.dns_records import Answers
from functions.deploy.domain.domain_views import DomainView
from functions.deploy.queries.domain import GetDomain
from functions.kernel import Caller
from tests.deploy.deploy_capsule import IMAGE, OWNER, STRANGER, DeployCapsule
from tests.memory.deploy_domains import MemoryAuthority, MemoryDomainObjects, MemoryResolver

HOST = "shop.example.com"


@pytest.fixture
def resolver(capsule: DeployCapsule) -> MemoryResolver:
    found: MemoryResolver = capsule.port(ports.Resolver)
    return found


@pytest.fixture
def authority(capsule: DeployCapsule) -> MemoryAuthority:
    found: MemoryAuthority = capsule.port(ports.CertificateAuthority)
    found.now = capsule.clock.now()
    return found


@pytest.fixture
def cluster(capsule: DeployCapsule) -> MemoryDomainObjects:
    found: MemoryDomainObjects = capsule.port(ports.DomainObjects)
    return found


async def add(capsule: DeployCapsule, serving: Deployment, host: str = HOST, caller: Caller = OWNER) -> DomainView:
    view: DomainView = await capsule.call(AddDomain(application_id=serving.application_id, environment="staging", host=host), caller=caller)
    await capsule.settle()
    return view


async def show(capsule: DeployCapsule, serving: Deployment, host: str = HOST, caller: Caller = OWNER) -> DomainView:
    view: DomainView = await capsule.call(GetDomain(application_id=serving.application_id, host=host), caller=caller)
    return view


async def check(capsule: DeployCapsule, serving: Deployment, caller: Caller = OWNER) -> DomainView:
    await capsule.call(CheckDomain(application_id=serving.application_id, host=HOST), caller=caller)
    await capsule.settle()
    return await show(capsule, serving, caller=caller)


async def strangers(capsule: DeployCapsule, name: str) -> Deployment:
    created = await capsule.create(name, caller=STRANGER)
    return await capsule.complete((await capsule.deploy(created.id, caller=STRANGER)).id, IMAGE.replace("hello", name))


def target(view: DomainView) -> str:
    return view.records[0].value


async def proven(capsule: DeployCapsule, resolver: MemoryResolver, serving: Deployment) -> DomainView:
    view = await add(capsule, serving)
    resolver.answers[HOST] = Answers(cname=target(view))
    return await check(capsule, serving)
